"""Running a command whose output is read while it runs."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


def follow(
    command: Sequence[str | Path], failed: Callable[[str], Exception], **arguments: Any
) -> Iterator[str]:
    """Each line of the output as soon as it is written; `arguments` are those of Popen.

    Raises what `failed` makes of the error output when the command does not end with 0.
    """
    with (
        tempfile.TemporaryFile("w+") as stderr,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, **arguments
        ) as popen,
    ):
        assert popen.stdout is not None  # noqa: S101  # it is a pipe
        yield from popen.stdout
        if popen.wait():
            stderr.seek(0)
            raise failed(stderr.read())
