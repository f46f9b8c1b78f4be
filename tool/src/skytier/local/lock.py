"""One `up` or `down` at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skytier.errors import SkytierError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock. The kernel gives it back when we end, however we end.

    Raises SkytierError when another process holds it.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = f"process {number}" if (number := file.read()) else "it has just begun"
            raise SkytierError(
                f"Another skytier is changing this stack ({who}).",
                "Wait until it is done, and run again.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
