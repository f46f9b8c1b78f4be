"""`skytier down` on a cloud."""

import json

import typer

from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.cli.progress import progress
from skytier.deploy.kind import Found
from skytier.errors import SkytierError
from skytier.openstack.backend import CloudBackend
from skytier.openstack.plan.object_store import in_words
from skytier.openstack.plan.planned import Removal
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.volume import Volume
from skytier.stackfile.backup import PATH, S3, SFTP

_COPY = "Keep the data first: skytier database export FILE"
_OF_PATH = {
    False: "The backups are on the database server, and go with it.",
    True: "The backups are in the directory that the members share, and stay there.",
}
"""What becomes of backups in a directory, by whether there are several members."""


def approve(
    dialog: Context[CloudBackend],
    removal: Removal,
    *,
    last_backup: bool | None,
    delete_data: bool,
) -> bool:
    """Show what carries the stack's mark, and ask; make a last backup if that is wished.

    Raises SkytierError for the only copy of the data without `delete_data`, and where backups would
    stay that nobody could restore.
    """
    name = dialog.stack.stack.name
    if removal.empty:
        else_there = "else " if removal.left else ""
        _say(dialog, removal, deleted=0, text=f"Nothing {else_there}of the stack {name} is there.")
        return False
    stay = _backups_stay(dialog, removal)
    if last_backup and not stay:
        raise SkytierError(
            "Nothing is deleted: backups of this database are not kept, so a last one would be "
            "lost.",
            _COPY,
        )
    places = dialog.stack.stack.backup.places
    # Whether a directory outlives the servers is not known here.
    safe = [each for each in stay if places[each].kind != PATH]
    newest = dialog.stack.newest_backup(safe or stay) if stay else None
    if _has_data(removal) and not delete_data and not (safe and newest):
        raise SkytierError(
            f"Nothing is deleted: {_why(name, stay=bool(stay), shared=not safe)}.",
            f"{_COPY}. Or delete it: skytier down --delete-data",
        )
    if not dialog.as_json:
        for each in removal.found:
            console.out.print(f"- {each.key}{_lost(each)}", markup=False)
        for text in removal.left:
            console.out.print(f"= {text}", markup=False)
        if newest:
            console.out.print(f"The newest backup is of {newest.ended:%Y-%m-%d %H:%M} UTC.")
    question = f"Delete all of the stack {name} on {dialog.stack.cloud}, with its data?"
    if _goes_with_the_server(dialog) and not dialog.as_json:
        console.warn(_OF_PATH[dialog.stack.stack.database.members > 1])
    console.confirm(
        question, dialog.yes, "This deletes data, and there is no terminal to confirm it."
    )
    if stay:
        _prepare(dialog, last_backup, needs_key=bool(newest) or not delete_data)
    return True


def _why(name: str, *, stay: bool, shared: bool) -> str:
    """Why no backup counts, as the end of a sentence."""
    if not stay:
        return f"the stack {name} has the only copy of its database"
    if shared:
        return "it is not known whether the directory with the backups outlives the servers"
    return (
        "no backup of its database was found, or what is written does not arrive there (see "
        "skytier status)"
    )


def _has_data(removal: Removal) -> bool:
    """Whether a database goes: with a server, or with the volume of one that was lost."""
    return any(
        each.facts.get("role") == "database" or each.key.kind == Volume.name
        for each in removal.found
    )


def _backups_stay(dialog: Context[CloudBackend], removal: Removal) -> list[str]:
    """The places of backups that stay while the database goes. A bucket of another S3 always
    does, and so does another host, and a directory that several members share."""
    if not _has_data(removal):
        return []
    stack = dialog.stack.stack
    # A container without objects goes with the rest.
    going = {each.key.name for each in removal.found if each.key.kind == Container.name}
    return [
        name
        for name, each in stack.backup.places.items()
        if each.kind in (S3, SFTP)
        or (each.container is not None and each.container not in going)
        or (each.kind == PATH and stack.database.members > 1)
    ]


def _goes_with_the_server(dialog: Context[CloudBackend]) -> bool:
    """Whether backups are in a directory alone."""
    places = dialog.stack.stack.backup.places.values()
    return bool(places) and all(each.kind == PATH for each in places)


def _prepare(dialog: Context[CloudBackend], last_backup: bool | None, *, needs_key: bool) -> None:
    """What has to be done while the database is there.

    `needs_key` is whether there are backups of it. Where an `up` failed early nobody has a key.
    """
    try:
        dialog.stack.backup_key()
    except SkytierError as error:
        if not needs_key and not last_backup:
            console.warn(f"{error.what} Backups that stay cannot be restored without it.")
            return
        raise SkytierError(
            f"Nothing is deleted: the backups that stay would be worthless. {error.what}",
            f"{error.do} Or bring the database server back, which has it: skytier up",
        ) from error
    if last_backup is None and not dialog.yes:
        last_backup = typer.confirm("Make a last backup first?", default=True)
    if last_backup:
        with progress(as_json=dialog.as_json) as events:
            dialog.stack.back_up("diff", events)
    if not dialog.as_json:
        path = dialog.stack.operator.backup_key
        console.out.print(
            f"The backups stay. Their key, without which they are worthless, is in {path}.",
            markup=False,
        )


def tell(dialog: Context[CloudBackend], removal: Removal, *, changed: bool) -> None:
    """Say that all is deleted."""
    else_there = "else " if removal.left else ""
    text = f"Nothing {else_there}of the stack {dialog.stack.stack.name} is left."
    kept = str(dialog.stack.operator.backup_key) if _backups_stay(dialog, removal) else ""
    _say(dialog, removal, deleted=len(removal.found), text=text, key=kept)


def _lost(found: Found) -> str:
    if found.key.kind == Volume.name:
        return ", with all data on it"
    if found.key.kind == Container.name and found.facts["objects"]:
        return f", with {in_words(found)}"
    return ""


def _say(
    dialog: Context[CloudBackend], removal: Removal, *, deleted: int, text: str, key: str = ""
) -> None:
    if dialog.as_json:
        left = {"left": list(removal.left)} if removal.left else {}
        # Of the backups that stay, which are worthless without it.
        kept = {"backup_key": key} if key else {}
        print(json.dumps({"event": "down", "deleted": deleted, **left, **kept}))  # noqa: T201
        return
    for sentence in (*removal.left, text):
        console.out.print(sentence, markup=False)
