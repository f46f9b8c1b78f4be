"""Printing: what the commands have in common."""

import shutil
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from skytier.errors import SkytierError
from skytier.local.plan import Action, Step

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_DOING = {
    Action.KEEP: "looking",
    Action.CREATE: "creating",
    Action.START: "starting",
    Action.RESTART: "restarting",
    Action.RELOAD: "reloading",
    Action.RUN: "running",
    Action.STOP: "stopping",
    Action.DELETE: "deleting",
}


class StepList:
    """One line for each step when it is done; on a terminal a spinner until then."""

    def __init__(self) -> None:
        self._spinner: Status | None = None

    def started(self, step: Step) -> None:
        """Show what begins."""
        if step.action is not Action.KEEP and out.is_terminal:
            self._spinner = out.status(_label(step, "..."))
            self._spinner.start()

    def done(self, step: Step, result: str, seconds: float) -> None:
        """Show the result and the time it took."""
        self._end()
        if step.action is Action.KEEP:
            out.print(Text.assemble(("= ", "dim"), f"{step.service:<12}{result}"))
            return
        line = Text.assemble(("✓ ", "green"), f"{step.service:<12}{_past(step)}")
        if result:
            line.append(f": {result}")
        out.print(line.append(f"  {seconds:.1f} s", "dim"))

    def failed(self, step: Step) -> None:
        """Show which step it was; the error itself follows."""
        self._end()
        out.print(Text.assemble(("✗ ", "red"), f"{step.service:<12}{_DOING[step.action]}"))

    def _end(self) -> None:
        if self._spinner:
            self._spinner.stop()
            self._spinner = None


def _label(step: Step, end: str = "") -> str:
    return f"{step.service:<12}{_DOING[step.action]}{end}"


def _past(step: Step) -> str:
    past = {
        Action.CREATE: "created",
        Action.START: "started",
        Action.RESTART: "restarted",
        Action.RELOAD: "reloaded",
        Action.RUN: "done",
        Action.STOP: "stopped",
        Action.DELETE: "deleted",
    }[step.action]
    why = f" ({step.why})" if step.why and step.action in (Action.RESTART, Action.RELOAD) else ""
    return past + why


def show(error: SkytierError) -> None:
    """Print an error: what happened, and what to do."""
    err.print(Text.assemble(("Error: ", "bold red"), error.what))
    if error.do:
        err.print(Text(error.do))


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
