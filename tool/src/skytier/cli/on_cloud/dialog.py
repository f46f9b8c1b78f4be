"""The dialog about a stack on a cloud."""

from skytier.cli.dialog import Context
from skytier.cli.on_cloud import down, release, up
from skytier.cli.progress import Lines, LiveTable, progress
from skytier.openstack.backend import CloudBackend


class OnCloud(Context[CloudBackend]):
    """See `skytier.cli.dialog.Dialog`."""

    approve_up = up.approve
    tell_up = up.tell
    approve_release = release.approve
    tell_release = release.tell
    approve_down = down.approve
    tell_down = down.tell

    def progress(self) -> "Lines | LiveTable":
        """A live table on a terminal, else a line for each event."""
        return progress(as_json=self.as_json)
