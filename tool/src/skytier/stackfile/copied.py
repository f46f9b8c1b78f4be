"""The stack file of a copy: another stack, beside the one whose backups are restored in it."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from skytier.errors import SkytierError
from skytier.stackfile.model import StackFile

BACKUP_PACKAGE = "pgbackrest"
_ALERTS = ("webhook", "email", "smtp_server", "smtp_from", "smtp_username")


@dataclass(frozen=True)
class Copied:
    """The text of its stack file, and in words what it does not have of the original."""

    text: str
    changes: list[str]


def copied(text: str, original: StackFile, name: str, image: str | None) -> Copied:
    """The stack file of the copy `name`, from the text of the original's.

    Comments and order stay. What is the original's alone is left out, and so is what acts on
    others. `image` is that of the original's database server: another version of PostgreSQL could
    not read the backups. None leaves the choice as it is.
    """
    document = tomlkit.parse(text)
    document["name"] = name
    changes = [said for change in _CHANGES if (said := change(document, original, name))]
    if original.cloud and document.get("cloud") != original.cloud:
        document["cloud"] = original.cloud
        changes.append(f"the cloud {original.cloud}")
    database = _section(document, "database")
    if image and original.image_of("database") is None:
        database["image"] = image
        changes.append(f"the image of the database server, {image}: that of the original's")
    if BACKUP_PACKAGE not in original.database.packages:
        database["packages"] = [*original.database.packages, BACKUP_PACKAGE]
        changes.append(f"{BACKUP_PACKAGE} on the database server, which reads the backups")
    head = (
        f"# A copy of the stack {original.name}, written by skytier restore --into {name}.\n"
        "# Change what you want, and name it in each command: --file PATH\n"
    )
    return Copied(head + document.as_string(), changes)


def check_copied(found: StackFile, name: str, path: Path) -> None:
    """Raises SkytierError where a stack file that is there already is not the copy's."""
    wrong = ""
    if found.name != name:
        wrong = f"is of the stack {found.name}, not of {name}"
    elif found.backup.enabled:
        wrong = "has a section [backup], and a copy has no backups of its own while it is restored"
    elif not found.has_database or found.database.members > 1:
        wrong = "asks for another number of database servers than one"
    if wrong:
        raise SkytierError(
            f"{path} {wrong}.", "Change it, or move it away: then a new one is written."
        )


def _no_backups(document: Any, original: StackFile, name: str) -> str:
    _remove(document, "backup")
    return "no backups are made of it"


def _one_member(document: Any, original: StackFile, name: str) -> str:
    _remove(document, "database", "members", "synchronous")
    return "one database server" if original.database.members > 1 else ""


def _other_address(document: Any, original: StackFile, name: str) -> str:
    if original.tls == "acme":
        document["tls"] = "self-signed"
    for each in ("floating_ip", "domain", "email", "acme_server"):
        _remove(document, each)
    if original.domain and original.tls == "acme":
        return "an address of its own, with a self-signed certificate"
    return "an address of its own" if original.domain or original.floating_ip else ""


def _no_cdn(document: Any, original: StackFile, name: str) -> str:
    gone = _remove(document, "static")
    return "static files come from its web servers, not from [static]" if gone else ""


def _other_files(document: Any, original: StackFile, name: str) -> str:
    if original.storage.bucket is None:
        return ""
    _section(document, "storage")["bucket"] = f"{name}-uploads"
    return f"an empty container for uploads, {name}-uploads"


def _no_background(document: Any, original: StackFile, name: str) -> str:
    gone = _remove(document, "application", "job", "process")
    if not gone:
        return ""
    return "no jobs and no processes beside the web, which could write to your customers"


def _no_announcement(document: Any, original: StackFile, name: str) -> str:
    gone = _remove(document, "application", "after_release")
    return "nothing runs after a release: no application.after_release" if gone else ""


def _no_alerts(document: Any, original: StackFile, name: str) -> str:
    return "its alerts go to nobody" if _remove(document, "monitor", *_ALERTS) else ""


_CHANGES: tuple[Callable[[Any, StackFile, str], str], ...] = (
    *(_no_backups, _one_member, _other_address, _no_cdn, _other_files, _no_background),
    *(_no_announcement, _no_alerts),
)


def _section(document: Any, name: str) -> Any:
    """A section, made at the end where there is none."""
    if name not in document:
        document[name] = tomlkit.table()
    return document[name]


def _remove(document: Any, name: str, *keys: str) -> set[str]:
    """Take a key or a section away, or only keys of the section. Returns what there was."""
    if name not in document:
        return set()
    if not keys:
        del document[name]
        return {name}
    section: MutableMapping[str, Any] = document[name]
    found = {each for each in keys if each in section}
    for each in found:
        del section[each]
    return found
