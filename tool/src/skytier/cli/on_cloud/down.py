"""`skytier down` on a cloud."""

import json

from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.deploy.kind import Found
from skytier.openstack.backend import CloudBackend
from skytier.openstack.object_store import in_words
from skytier.openstack.planned import Removal
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.volume import Volume


def approve(dialog: Context[CloudBackend], removal: Removal) -> bool:
    """Show what carries the stack's mark, and ask."""
    name = dialog.stack.stack.name
    if removal.empty:
        else_there = "else " if removal.left else ""
        _say(dialog, removal, deleted=0, text=f"Nothing {else_there}of the stack {name} is there.")
        return False
    if not dialog.as_json:
        for each in removal.found:
            console.out.print(f"- {each.key}{_lost(each)}", markup=False)
        for text in removal.left:
            console.out.print(f"= {text}", markup=False)
    question = f"Delete all of the stack {name} on {dialog.stack.cloud}, with its data?"
    console.confirm(question, dialog.yes, "This deletes data, and there is nobody to ask.")
    return True


def tell(dialog: Context[CloudBackend], removal: Removal, *, changed: bool) -> None:
    """Say that all is deleted."""
    else_there = "else " if removal.left else ""
    text = f"Nothing {else_there}of the stack {dialog.stack.stack.name} is left."
    _say(dialog, removal, deleted=len(removal.found), text=text)


def _lost(found: Found) -> str:
    if found.key.kind == Volume.name:
        return ", with all data on it"
    if found.key.kind == Container.name and found.facts["objects"]:
        return f", with {in_words(found)}"
    return ""


def _say(dialog: Context[CloudBackend], removal: Removal, *, deleted: int, text: str) -> None:
    if dialog.as_json:
        left = {"left": list(removal.left)} if removal.left else {}
        print(json.dumps({"event": "down", "deleted": deleted, **left}))  # noqa: T201
        return
    for sentence in (*removal.left, text):
        console.out.print(sentence, markup=False)
