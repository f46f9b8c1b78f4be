"""A stack on this machine that only one measurement uses."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.speed.server import free_port
from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.home import Home

SKYTIER = Path(sys.executable).with_name("skytier")


@contextmanager
def own_stack(*up: str, before: Sequence[str] = ()) -> Iterator[Home]:
    """The home of a stack that is brought up with these options, and removed at the end.

    `before` is a command that runs `skytier up`. Raises SkytierError.
    """
    # A short path that PostgreSQL's user can pass.
    root = Path(tempfile.mkdtemp(prefix="sky"))
    root.chmod(0o711)
    home = Home(root / "home")
    try:
        run(home, "up", "--port", str(free_port()), *up, before=before)
        yield home
    finally:
        run(home, "down", "--purge", "--yes")
        shutil.rmtree(root)


def run(home: Home, *words: str, before: Sequence[str] = ()) -> None:
    """Run `skytier` on a home. Raises SkytierError with its output."""
    done = subprocess.run(
        [*before, str(SKYTIER), *words],
        check=False,
        env={**os.environ, "SKYTIER_HOME": str(home.path)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SkytierError(f"skytier {words[0]} failed:\n{done.stdout}{done.stderr}")


def address(home: Home) -> str:
    """The host and port of the stack in a home."""
    return options.load(home).url.removeprefix("http://").rstrip("/")
