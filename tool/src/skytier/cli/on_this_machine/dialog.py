"""The dialog about the stack on this machine."""

from skytier.cli.dialog import Context
from skytier.cli.on_this_machine import down, up
from skytier.cli.on_this_machine.progress import progress
from skytier.cli.progress import Lines
from skytier.local.backend import LocalBackend


class OnThisMachine(Context[LocalBackend]):
    """See `skytier.cli.dialog.Dialog`."""

    approve_up = up.approve
    tell_up = up.tell
    approve_release = up.approve_release
    tell_release = up.tell_release
    approve_down = down.approve
    tell_down = down.tell

    def progress(self) -> Lines:
        """A line for each step."""
        return progress(as_json=self.as_json)
