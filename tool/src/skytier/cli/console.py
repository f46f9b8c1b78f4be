"""Printing: what the commands have in common."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console
from rich.text import Text

from skytier.errors import SkytierError

_WIDE = 1000


def _width(stream: TextIO) -> int | None:
    """None for that of the terminal. For a file or a program no table is made narrower."""
    return None if stream.isatty() or "COLUMNS" in os.environ else _WIDE


out = Console(highlight=False, soft_wrap=True, width=_width(sys.stdout))
err = Console(stderr=True, highlight=False, soft_wrap=True, width=_width(sys.stderr))


_COMMAND = re.compile(
    r"\bskytier(?= (--debug|access|admin|audit|backup|cost|dashboard|database|demo-data|doctor|"
    r"down|drain|exec|failover|init|job|logs|metrics|plan|ps|psql|rehearse|release|releases|"
    r"report|restore|rollback|run|scale|secret|ssh|status|top|trust|undrain|up)\b)"
)
"""Where an advice names a command of this tool."""


def show(error: SkytierError) -> None:
    """Print an error: what happened, and what to do."""
    err.print(Text.assemble(("Error: ", "bold red"), error.what))
    if error.do:
        err.print(Text(callable_here(error.do)))


def warn(text: str) -> None:
    """Print, on stderr, what people should look at though it is no error."""
    err.print(Text.assemble(("Warning: ", "bold yellow"), text))


def callable_here(advice: str) -> str:
    """The same with the commands in it as this shell finds them: `.venv/bin/skytier up`."""
    return _COMMAND.sub(lambda _: program(), advice)


def program() -> str:
    """How to call this command: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which(called.name)
    if found and Path(found).absolute() == called:
        return called.name
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def size(count: int) -> str:
    """A number of bytes for a person.

    >>> size(1000), size(5_000_000)
    ('1000 B', '4.8 MiB')
    """
    return f"{count} B" if count < 1024 else f"{count / 2**20:.1f} MiB"


def confirm(question: str, yes: bool, nobody: str) -> None:
    """Ask before something that matters; `yes` is the answer given beforehand.

    Raises SkytierError with `nobody` when there is nobody to ask, and typer.Abort on a no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise SkytierError(nobody, "Add --yes to do it.")
    typer.confirm(question, abort=True)
