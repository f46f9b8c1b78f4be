"""What happens while the services on this machine are started or stopped."""

from collections.abc import Sequence

from rich.status import Status
from rich.text import Text

from skytier.cli import console
from skytier.cli.progress import JsonLines, Lines
from skytier.deploy.plan import Action, Step
from skytier.local.operation import Operation, operation, why

_WORDS = {
    Operation.CREATE: ("creating", "created"),
    Operation.START: ("starting", "started"),
    Operation.RESTART: ("restarting", "restarted"),
    Operation.RELOAD: ("reloading", "reloaded"),
    Operation.RUN: ("running", "done"),
    Operation.STOP: ("stopping", "stopped"),
    Operation.DELETE: ("deleting", "deleted"),
}
"""While a step runs, and after it."""


class ServiceLines(Lines):
    """One line for each step when it is done; on a terminal a spinner until then."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[Step] = []
        self._spinner: Status | None = None

    def __enter__(self) -> "ServiceLines":
        return self

    def __exit__(self, *raised: object) -> None:
        self._end()
        if raised[0] is None:
            self._show_kept(self._left)

    def planned(self, steps: Sequence[Step]) -> None:
        """All steps: those that keep a service are shown in their place."""
        self._left = list(steps)

    def started(self, step: Step) -> None:
        """Show what begins."""
        position = self._left.index(step)
        self._show_kept(self._left[:position])
        self._left = self._left[position + 1 :]
        if console.out.is_terminal:
            self._spinner = console.out.status(f"{_label(step)}{_WORDS[operation(step)][0]}...")
            self._spinner.start()

    def told(self, step: Step, text: str) -> None:
        """The last text is the result."""
        self._said[id(step)] = text

    def done(self, step: Step, seconds: float) -> None:
        """Show the result and the time it took."""
        self._end()
        does = operation(step)
        line = Text.assemble(("✓ ", "green"), _label(step), _WORDS[does][1])
        if does in (Operation.RESTART, Operation.RELOAD):
            line.append(f" ({why(step)})")
        if result := self._said.get(id(step)):
            line.append(f": {result}")
        console.out.print(line.append(f"  {seconds:.1f} s", "dim"))

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        """Show which step it was; the error itself follows."""
        self._end()
        console.out.print(Text.assemble(("✗ ", "red"), _label(step), _WORDS[operation(step)][0]))

    def skipped(self, step: Step) -> None:
        """The error says enough."""

    def _show_kept(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.action is Action.KEEP:
                console.out.print(Text.assemble(("= ", "dim"), _label(step), "runs already"))

    def _end(self) -> None:
        if self._spinner:
            self._spinner.stop()
            self._spinner = None


def progress(*, as_json: bool) -> Lines:
    """Lines for people or for scripts."""
    return JsonLines() if as_json else ServiceLines()


def _label(step: Step) -> str:
    return f"{step.key.kind:<12}"
