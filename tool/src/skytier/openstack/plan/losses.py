"""What would be lost with what the stack file does not have any more."""

from collections.abc import Callable

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Loss
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.object_store import in_words
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.container import Container, holds_static_files
from skytier.openstack.resources.server_state import BEING_DELETED
from skytier.openstack.resources.volume import DATA_ID, Volume

_STAYS = (
    'Add "postgresql" to application.requires again, and the section [database] as it was. '
    "To go on without a database, bring up another stack beside this one: another `name`."
)
_MEMBERS_STAY = (
    "No other machine has it. Set database.members back as it was, and run skytier up: it makes "
    "the missing members again from this one."
)
_MAY_BE_ALONE = (
    "It cannot be asked whether another member has all of it. Set database.members back as it was, "
    "and run skytier up: it brings this member back. One that is well hands over before it goes."
)
_MOST_MEMBERS = 3
_OBJECTS_STAY = (
    "Set storage.bucket back to {0} (backup.bucket or backup.second.bucket, if it has backups), or "
    "delete the objects first. Or take the container out of the stack, which leaves it as it is: "
    "openstack container unset --property Skytier {0}"
)


def losses(resolved: ResolvedStack, known: Known) -> dict[Key, Loss]:
    """The machines and volumes of roles that the stack does not have, and a container's objects."""
    unwanted = {
        name: role.holds_data
        for name, role in resolved.roles.items()
        if name not in resolved.stack.machines()
    }
    has_data: dict[str, Callable[[Found], bool]] = {
        SERVER: lambda found: not never_ran(found),
        Volume.name: lambda found: bool(found.facts["data"]),
    }
    objects = {
        key: Loss(in_words(found), _OBJECTS_STAY.format(key.name))
        for key, found in known.items()
        if key.kind == Container.name and found.facts["objects"] and not holds_static_files(found)
    }
    members = {
        key: Loss(resolved.roles[role].holds_data, instead)
        for role, section in resolved.stack.machines().items()
        for number in range(section.machines + 1, _MOST_MEMBERS + 1)
        if (instead := _instead(resolved, known, role, number))
        for kind, has in has_data.items()
        if (key := resolved.key(kind, role, number)) in known and has(known[key])
    }
    return (
        objects
        | members
        | {
            key: Loss(data, _STAYS)
            for key, found in known.items()
            if key.kind in has_data and has_data[key.kind](found)
            if (data := unwanted.get(found.facts.get("role", "")))
        }
    )


def others_have_it(resolved: ResolvedStack, known: Known, role: str, number: int) -> bool:
    """Whether another machine that stays has what one of a role has on its own disk.

    One that is well hands over before it goes, or does not go. A broken one cannot, and the others
    may be behind: they were off, or did not follow.
    """
    own = known.get(resolved.key(SERVER, role, number))
    broken = own is not None and bool(own.fault) and not never_ran(own)
    on_volume = own is not None and bool(own.facts.get("metadata", {}).get(DATA_ID))
    return _others_are_there(resolved, known, role, number) and (on_volume or not broken)


def _others_are_there(resolved: ResolvedStack, known: Known, role: str, number: int) -> bool:
    """Whether another machine of a role that stays was set up, and is not broken."""
    machines = resolved.stack.machines()
    if not resolved.roles[role].holds_data or role not in machines:
        return False
    return any(
        (server := known.get(resolved.key(SERVER, role, other)))
        and not server.fault
        and resolved.key(CONFIGURATION, role, other) in known
        for other in range(1, machines[role].machines + 1)
        if other != number
    )


def _instead(resolved: ResolvedStack, known: Known, role: str, number: int) -> str:
    """What to do instead of deleting a member that is not wanted any more; empty if it may go.

    It goes with its volume. One that is well hands over first, and one that is gone did so, or is
    what it is.
    """
    if not resolved.roles[role].holds_data:
        return ""
    if not _others_are_there(resolved, known, role, number):
        return _MEMBERS_STAY
    server = known.get(resolved.key(SERVER, role, number))
    may_go = server is None or server.fault in ("", BEING_DELETED) or server.facts.get(GIVEN_UP)
    return "" if may_go else _MAY_BE_ALONE


def never_ran(server: Found) -> bool:
    """Whether nothing was ever written on its disk."""
    return bool(server.fault) and not server.facts["launched_at"]
