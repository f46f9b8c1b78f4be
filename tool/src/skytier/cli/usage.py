"""How the commands are called wrongly, and how their help is laid out.

Typer's own is 2, which `plan --detailed-exitcode` uses for "there are changes", as Terraform does.
A script has to tell the two apart, so wrong usage ends with EX_USAGE of sysexits.h.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

WRONG_USAGE = 64
_TYPERS_OWN = 2


class Commands(TyperGroup):
    """The commands, whose wrong usage ends with 64, and whose help fits any terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for command in _all_below(self):
            command.help = reflowed(command.help or "")

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As Typer does: it reads the options of the group itself."""
        with _with_code():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # click's own is private
        """As Typer does: it reads the options of the command, and runs it."""
        with _with_code():
            return super().invoke(ctx)


def reflowed(text: str) -> str:
    """A text without the line breaks that its source has within a paragraph.

    >>> reflowed("One line\\n    and its end.\\n\\n    Another.")
    'One line and its end.\\n\\nAnother.'
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _all_below(command: Any) -> Iterator[Any]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from _all_below(each)


@contextmanager
def _with_code() -> Iterator[None]:
    try:
        yield
    except TyperException as error:
        if error.exit_code == _TYPERS_OWN:
            error.exit_code = WRONG_USAGE
        raise
