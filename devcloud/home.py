"""Where everything lives that is not in the checkout, and the lock on it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devcloud.errors import DevcloudError

HOME = Path(os.environ.get("DEVCLOUD_HOME", "/var/lib/devcloud")).absolute()
ETC = HOME / "etc"
RUN = HOME / "run"
LOGS = HOME / "logs"
DATA = HOME / "data"
IMAGES = HOME / "images"
# One file for each thing that was done once, with the mark of what it was done for.
DONE = HOME / "done"
PASSWORDS = HOME / "passwords.json"


def make() -> None:
    """Make the directories. Services of several users meet here, so all may pass through."""
    for path in (HOME, ETC, RUN, LOGS, DATA, IMAGES, DONE):
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.chmod(0o755)


def is_done(name: str, mark: str) -> bool:
    """Whether the thing was done, for this mark."""
    path = DONE / name
    return path.exists() and path.read_text() == mark


def set_done(name: str, mark: str) -> None:
    """Write down that the thing was done."""
    write(DONE / name, mark)


def write(path: Path, text: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> bool:
    """Write a file whole or not at all, never readable by more than `mode` says.

    `owner` is user id and group id. Returns whether the text was another before.
    """
    changed = not path.exists() or path.read_text() != text
    if changed:
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chown(new, *owner)
        new.chmod(mode)
        new.replace(path)
    os.chown(path, *owner)
    path.chmod(mode)
    return changed


@contextmanager
def lock(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock. The kernel gives it back when we end, however we end.

    Raises DevcloudError when another process holds it, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            raise DevcloudError(
                f"Another devcloud command is at work (process {file.read().strip()}).",
                "Wait until it is done, and run again.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
