"""`skytier down` on a cloud."""

import json

from skytier.cli import console
from skytier.cli.chosen import cloud_stack
from skytier.cli.progress import progress
from skytier.deploy.kind import UnseenError
from skytier.errors import SkytierError
from skytier.openstack.resources.volume import Volume
from skytier.stackfile import StackFile


def down(wanted: StackFile, *, purge: bool, yes: bool, as_json: bool) -> None:
    """Show what carries the stack's mark, confirm, and delete it."""
    stack = cloud_stack(wanted)
    unseen: list[UnseenError] = []
    made = stack.find_made(unseen)
    found = [each.key for each in made]
    if not found and not stack.lock.exists():
        if unseen:
            raise unseen[0]
        _say(as_json, deleted=0, text=f"Nothing of the stack {wanted.name} is there.")
        return
    if not as_json:
        for each in made:
            lost = ", with all data on it" if each.key.kind == Volume.name else ""
            console.out.print(f"- {each.key}{lost}", markup=False)
    question = f"Delete all of the stack {wanted.name} on {wanted.cloud}, with its data?"
    console.confirm(question, yes, "This deletes data, and there is nobody to ask.")
    with progress(as_json=as_json) as events:
        try:
            stack.down(events)
        except KeyboardInterrupt:
            raise SkytierError(
                "Interrupted half way: some of the stack is deleted, and some is not.",
                "Run it again: it goes on where it stopped.",
            ) from None
    text = f"Nothing of the stack {wanted.name} is left."
    _say(as_json, deleted=len(found), text=text)


def _say(as_json: bool, *, deleted: int, text: str) -> None:
    if as_json:
        print(json.dumps({"event": "down", "deleted": deleted}))  # noqa: T201
    else:
        console.out.print(text, markup=False)
