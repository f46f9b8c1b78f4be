"""`skytier down` on this machine."""

import json

from skytier.cli import console
from skytier.cli.chosen import local_stack
from skytier.cli.on_this_machine.progress import progress
from skytier.stackfile import StackFile


def down(wanted: StackFile, *, purge: bool, yes: bool, as_json: bool) -> None:
    """Stop everything; with `purge` confirm, and delete the data, too."""
    stack = local_stack(wanted)
    if purge and stack.home.path.exists():
        question = f"Delete {stack.home.path} with all data of the application?"
        console.confirm(question, yes, "This deletes data, and there is nobody to ask.")
    with progress(as_json=as_json) as events:
        ran = stack.down(events, purge=purge)
    if as_json:
        print(json.dumps({"event": "down", "changed": ran}))  # noqa: T201
    elif not ran:
        console.out.print("Nothing is running.")
    elif not purge:
        console.out.print("Stopped. The data stays: skytier up goes on with it.")
