"""`skytier release` on this machine."""

from pathlib import Path

from skytier.cli.on_this_machine.up import bring_up
from skytier.stackfile import StackFile


def release(wanted: StackFile, file: Path | None, *, pause: bool, yes: bool, as_json: bool) -> None:
    """Bring up the stack with the source as it is now. With one server there is no pause."""
    bring_up(wanted, {}, anew=True, as_json=as_json)
