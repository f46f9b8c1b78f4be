"""Printing: what the commands have in common."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console
from rich.text import Text

from skytier.errors import SeveralError, SkytierError

_WIDE = 1000


def _width(stream: TextIO) -> int | None:
    """None for that of the terminal. For a file or a program no table is made narrower."""
    return None if stream.isatty() or "COLUMNS" in os.environ else _WIDE


out = Console(highlight=False, soft_wrap=True, width=_width(sys.stdout))
err = Console(stderr=True, highlight=False, soft_wrap=True, width=_width(sys.stderr))


_GROUPS = "backup|cost|image|job|metrics|secret|static"
_COMMAND = re.compile(
    rf"\bskytier (--debug|(?:{_GROUPS}) [a-z]+|{_GROUPS}|database (?:export|import|upgrade)|access|"
    "admin|audit|dashboard|database|demo-data|doctor|down|drain|exec|failover|init|logs|plan|ps|"
    "psql|rehearse|release|releases|report|restore|rollback|run|scale|ssh|status|top|trust|"
    r"undrain|up)\b"
)
"""Where an advice names a command of this tool."""
_named: dict[str, str] = {}
"""The options that said which stack this command is about, by their names."""


def show(error: SkytierError) -> None:
    """Print an error: what happened, and what to do; several one after another."""
    if isinstance(error, SeveralError):
        for each in error.groups:
            show(each)
        return
    err.print(Text.assemble(("Error: ", "bold red"), error.what))
    if error.do:
        err.print(Text(callable_here(error.do)))


def warn(text: str) -> None:
    """Print, on stderr, what people should look at though it is no error."""
    err.print(Text.assemble(("Warning: ", "bold yellow"), text))


def name_stack(file: Path | None, cloud: str | None) -> None:
    """Remember how the stack was named: the next commands that are advised are about the same."""
    _named.clear()
    if cloud and cloud != os.environ.get("SKYTIER_CLOUD"):
        _named["--cloud"] = cloud
    if file:
        _named["--file"] = str(file)


def callable_here(advice: str) -> str:
    """The same with the commands in it as this shell finds them, and about the same stack:
    `.venv/bin/skytier up --file shop.toml`."""
    options = "".join(
        f" {name} {shlex.quote(value)}" for name, value in _named.items() if name not in advice
    )

    def called(found: re.Match[str]) -> str:
        words = found[1]
        of_stack = "" if words == "--debug" or words in _GROUPS.split("|") else options
        return f"{program()} {words}{of_stack}"

    return _COMMAND.sub(called, advice)


def program() -> str:
    """How to call this command: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which(called.name)
    if found and Path(found).absolute() == called:
        return called.name
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def confirm(question: str, yes: bool, nobody: str) -> None:
    """Ask before something that matters; `yes` is the answer given beforehand.

    Raises SkytierError with `nobody` when there is nobody to ask, and typer.Abort on a no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise SkytierError(nobody, "Add --yes to do it.")
    typer.confirm(question, abort=True)
