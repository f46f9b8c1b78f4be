"""A copy of a stack's database in another stack, from the same backups."""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from skytier.deploy import backups, copy
from skytier.deploy.apply import Progress
from skytier.deploy.copy import Original
from skytier.deploy.files import read_secrets
from skytier.deploy.interruption import interrupted
from skytier.deploy.kind import Found, Tell
from skytier.deploy.restore import by_newest, choose
from skytier.errors import SkytierError, together
from skytier.openstack.commands.backups import one_step, places
from skytier.openstack.commands.database import DATABASE, database_of
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.plan import object_store
from skytier.openstack.plan.kinds import find_all
from skytier.openstack.plan.releases import note_migrations
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.volume import Volume
from skytier.openstack.stack import CloudStack
from skytier.services.application.service import S3_KEY
from skytier.services.pgbackrest import secrets
from skytier.services.pgbackrest.info import Backups
from skytier.services.pgbackrest.secrets import KEY, KEY_VARIABLE, VARIABLES
from skytier.services.pgbackrest.target import LATEST, Target, fixed, target
from skytier.stackfile.backup import PATH
from skytier.topology import ObjectStore

_VARIABLES = {KEY: KEY_VARIABLE, **VARIABLES}


@dataclass(frozen=True)
class Intended:
    """What a copy is to have."""

    originals: Sequence[Original]
    """The places of the backups that another machine can read, in the order of the stack file."""
    asked: str
    """`latest`, a time or a backup; it means the same at any later moment."""
    words: str
    """The same for a person."""
    image: str | None
    """That of the original's database server; None where there is none."""


@dataclass(frozen=True)
class _Told:
    """What the original's database server says; nothing where it is lost."""

    at: datetime
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    there: Sequence[Backups] = ()
    segments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The files in the archive of each place, where there are several."""
    why: str = ""
    """Why it does not say all."""


def intend(stack: CloudStack, asked: str, place: str | None = None) -> Intended:
    """What a copy of a stack's database would have. Changes nothing.

    `place` is that of the backups; None for the first that has what is asked. The stack's database
    server may be lost: then its key that is kept here, or given in a variable, and the cloud's
    credential are enough. Raises SkytierError for what cannot be restored.
    """
    backup = stack.stack.backup
    if not stack.stack.has_backups:
        raise SkytierError(
            f"{stack.stack.name} makes no backups, so there is nothing to restore.",
            "Say in the section [backup] of the stack file where they should go, then run skytier "
            "up.",
        )
    readable = [name for name in places(stack, place) if backup.places[name].kind != PATH]
    if not readable:
        raise SkytierError(
            f"The backups of {stack.stack.name} are in a directory of its database server, which "
            "no other machine can read.",
            'Have them in an object store or on a host (backup.kind = "object-store", "s3" or '
            '"sftp"), or restore in place, without --into: skytier restore --to ...',
        )
    at = datetime.now(UTC)
    fixed(asked, at)
    told = _told(stack, readable)
    wanted = fixed(asked, told.at)
    words = wanted
    if told.there:
        there = by_newest(told.there) if wanted == LATEST else told.there
        _, found = choose(
            there, lambda there: target(wanted, there, told.at), lambda place: told.segments[place]
        )
        # It is the same for the copy, and does not wait for a place that has nothing of it.
        words, readable = found.words, [found.place]
    return Intended(_originals(stack, told, readable), wanted, words, _image(stack))


def is_there(stack: CloudStack) -> bool:
    """Whether a stack has a database already: a server of it, or the volume of one that is lost."""
    return bool(_servers(stack)) or any(True for _ in stack.kinds[Volume.name].find())


def exists(stack: CloudStack) -> bool:
    """Whether anything carries the mark of a stack, a container that `down` left too."""
    return bool(find_all(stack.kinds.values(), []))


def is_unfinished(stack: CloudStack) -> bool:
    """Whether the restore of a copy was interrupted; not where that cannot be asked."""
    try:
        with ssh_target(stack, DATABASE) as host:
            return copy.is_unfinished(host)
    except SkytierError:
        return False


def restore_copy(stack: CloudStack, intended: Intended, progress: Progress) -> Target:
    """Restore it in the database of a stack, under its lock. Returns what it has then.

    Raises SkytierError; the next run begins the restore anew.
    """
    found: list[Target] = []
    cut = interrupted(
        f"Interrupted: the database of {stack.stack.name} is unfinished.",
        "Run the same command again: it starts the restore again.",
    )
    lost = threading.Event()
    with cut, stack.held("restore", lost), ssh_target(stack, DATABASE) as host:

        def run(tell: Tell) -> str:
            watched = stack.stack.monitor.enabled
            found.append(
                copy.restore(host, intended.originals, intended.asked, tell, watched=watched)
            )
            return found[0].words

        one_step("restore", host.name, run, progress)
        # Not before: one that was interrupted is begun anew after an `up`, which could not migrate.
        note_migrations(Server(stack.project))
    return found[0]


def _told(stack: CloudStack, readable: Sequence[str]) -> _Told:
    told = _Told(datetime.now(UTC))
    try:
        with database_of(stack, any_one=True) as host:
            told = _Told(backups.now(host), read_secrets(host))
            there = backups.everywhere(host, readable)
            several = readable if len(readable) > 1 else []
            segments = {name: backups.segments(host, name) for name in several}
            return replace(told, there=there, segments=segments)
    except SkytierError as error:
        return replace(told, why=error.what)


def _originals(stack: CloudStack, told: _Told, names: Sequence[str]) -> list[Original]:
    """The places whose keys are known. Raises SkytierError where none is."""
    found, errors = [], []
    for name in names:
        try:
            found.append(Original(stack.stack, *_place(stack, told, name), name))
        except SkytierError as error:
            errors.append(error)
    if not found:
        raise together(errors)
    return found


def _place(stack: CloudStack, told: _Told, name: str) -> tuple[ObjectStore | None, dict[str, str]]:
    """The S3 API that the backups of a place are at, if it is one, and the secrets for them alone.

    Raises SkytierError.
    """
    place, operator = stack.stack.backup.places[name], stack.operator
    given = {
        KEY: os.environ.get(KEY_VARIABLE) or told.secrets.get(KEY) or operator.kept_backup_key()
    }
    if place.makes_key:
        given[S3_KEY] = told.secrets.get(S3_KEY) or _of_credential(stack)
    else:
        for each in secrets.given(place, name):
            given[each] = told.secrets.get(each) or os.environ.get(VARIABLES[each], "")
    if missing := [name for name, text in given.items() if not text]:
        variables = [_VARIABLES[name] for name in missing if name in _VARIABLES]
        raise SkytierError(
            f"The database server of {stack.stack.name} does not give the keys of its backups, and "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on this machine. "
            f"{told.why}".strip(),
            f"Run it again with it in {' and '.join(variables)}, this once."
            if len(variables) == len(missing)
            else "Run it as the user who brought the stack up: Keystone shows the key of the "
            "object store to nobody else.",
        )
    if not place.is_s3:
        return None, given
    endpoint = object_store.backup_endpoint(stack.connection, place)
    return ObjectStore(endpoint, str(place.bucket), place.region, None), given


def _of_credential(stack: CloudStack) -> str:
    containers = Container(stack.project, stack.has_objects)
    buckets = object_store.buckets(stack.stack)
    credentials = Ec2Credential(stack.project, containers, stack.has_objects, buckets)
    access = next((each.id for each in credentials.find()), "")
    return f"{access}:{credentials.secret(access)}" if access else ""


def _image(stack: CloudStack) -> str | None:
    """The image of the first database server; None where there is no such server."""
    there = sorted(_servers(stack), key=lambda each: each.key.name)
    return next((str(each.attributes["image"]) for each in there), None)


def _servers(stack: CloudStack) -> list[Found]:
    """Those of the database."""
    servers = stack.kinds[Server.name].find()
    return [each for each in servers if each.facts.get("role") == DATABASE]
