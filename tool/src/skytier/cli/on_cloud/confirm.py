"""Asking before a cloud is changed."""

from collections.abc import Iterable

from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.errors import SkytierError
from skytier.openstack.backend import CloudBackend


def confirm(dialog: Context[CloudBackend], question: str, warnings: Iterable[str] = ()) -> None:
    """Warn and ask. Raises SkytierError where there is nobody to ask, and typer.Abort on a no."""
    if dialog.as_json and not dialog.yes:
        raise SkytierError("With --json nothing can be asked.", "Add --yes.")
    for warning in warnings:
        console.warn(warning)
    console.confirm(
        question, dialog.yes, "This changes a cloud, and there is no terminal to confirm it."
    )
