"""What the commands that change a stack show and ask. Each backend has a dialog of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from skytier.backend import Backend, Outcome
from skytier.cli.progress import Shown, Stages

StackT = TypeVar("StackT")


@dataclass(frozen=True)
class Context(Generic[StackT]):
    """The stack that a command changes, and the options that all such commands share."""

    stack: StackT
    file: Path | None
    """The stack file, as it was named."""
    yes: bool
    as_json: bool


class Dialog(Protocol):
    """Plans and removals are those of its backend.

    Every `approve` raises SkytierError or typer.Exit where it must not go on.
    """

    @property
    def stack(self) -> Backend:
        """What plans and carries out."""

    def progress(self) -> Shown:
        """What shows the steps of a run."""

    def approve_up(self, plan: Any) -> bool:
        """Show a plan, and ask. Returns False when nothing is to be done, after saying so."""

    def tell_up(self, plan: Any, outcome: Outcome, stages: Stages) -> None:
        """Say how it ended, and where the stack is."""

    def approve_release(self, plan: Any, *, pause: bool) -> None:
        """Show what of a plan releases the application, and ask. `pause` is one more question."""

    def tell_release(self, plan: Any, outcome: Outcome, stages: Stages) -> None:
        """Say how it ended."""

    def approve_down(self, removal: Any, *, last_backup: bool | None, delete_data: bool) -> bool:
        """Show what goes, and ask; then make a last backup if that is wished. None asks for it.

        The only copy of the data goes with `delete_data` only. Returns False when nothing is there,
        after saying so.
        """

    def tell_down(self, removal: Any, *, changed: bool) -> None:
        """Say how it ended."""


def carry_out_up(dialog: Dialog, plan: Any) -> None:
    """Bring about a plan that was approved, and say how it ended. Raises SkytierError."""
    with dialog.progress() as events:
        outcome = dialog.stack.up(plan, events)
    dialog.tell_up(plan, outcome, events.stages)
