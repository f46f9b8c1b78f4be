"""`skytier down` on a cloud."""

import json

from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.openstack.backend import CloudBackend
from skytier.openstack.planned import Removal
from skytier.openstack.resources.volume import Volume


def approve(dialog: Context[CloudBackend], removal: Removal) -> bool:
    """Show what carries the stack's mark, and ask."""
    name = dialog.stack.stack.name
    if removal.empty:
        _say(dialog, deleted=0, text=f"Nothing of the stack {name} is there.")
        return False
    if not dialog.as_json:
        for each in removal.found:
            lost = ", with all data on it" if each.key.kind == Volume.name else ""
            console.out.print(f"- {each.key}{lost}", markup=False)
    question = f"Delete all of the stack {name} on {dialog.stack.cloud}, with its data?"
    console.confirm(question, dialog.yes, "This deletes data, and there is nobody to ask.")
    return True


def tell(dialog: Context[CloudBackend], removal: Removal, *, changed: bool) -> None:
    """Say that all is deleted."""
    text = f"Nothing of the stack {dialog.stack.stack.name} is left."
    _say(dialog, deleted=len(removal.found), text=text)


def _say(dialog: Context[CloudBackend], *, deleted: int, text: str) -> None:
    if dialog.as_json:
        print(json.dumps({"event": "down", "deleted": deleted}))  # noqa: T201
    else:
        console.out.print(text, markup=False)
