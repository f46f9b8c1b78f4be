"""A machine, as the rest of the tool sees it."""

from typing import Protocol

from skytier.errors import SkytierError


class UnreachableError(SkytierError):
    """No command was run: there was no connection."""


class CommandError(SkytierError):
    """The command ran and ended with another code than 0. `output` is all that it printed."""

    def __init__(self, what: str, do: str, output: str) -> None:
        super().__init__(what, do)
        self.output = output


class CommandTimeoutError(CommandError):
    """The command did not end in time. It may go on there."""


class Host(Protocol):
    """A machine that runs bash scripts as root."""

    @property
    def name(self) -> str:
        """What people call it: `shop-web-1`."""

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a script with `stdin` as its standard input, and return its standard output.

        Others may read the script while it runs, so it holds no secret. Raises UnreachableError,
        or CommandError when it exits non-zero.
        """
