"""`skytier down` on this machine."""

import json

from skytier.cli import chosen, console
from skytier.cli.dialog import Context
from skytier.local.backend import LocalBackend
from skytier.local.planned import Removal


def approve(
    dialog: Context[LocalBackend],
    removal: Removal,
    *,
    last_backup: bool | None,
    delete_data: bool,
) -> bool:
    """Ask before data is deleted. Raises SkytierError for what is about a stack on a cloud only."""
    if last_backup or delete_data:
        raise chosen.no_cloud()
    if removal.data:
        question = f"Delete {removal.data} with all data of the application?"
        console.confirm(
            question, dialog.yes, "This deletes data, and there is no terminal to confirm it."
        )
    return True


def tell(dialog: Context[LocalBackend], removal: Removal, *, changed: bool) -> None:
    """Say whether anything ran, and whether the data is still there."""
    if dialog.as_json:
        print(json.dumps({"event": "down", "changed": changed}))  # noqa: T201
    elif not changed:
        console.out.print("Nothing is running.")
    elif not removal.purge:
        console.out.print("Stopped. The data stays: skytier up goes on with it.")
