"""What would be lost with what the stack file does not have any more."""

from collections import Counter
from collections.abc import Callable, Sequence

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Loss
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.openstack.plan.given_up import GIVEN_UP
from skytier.openstack.plan.object_store import in_words
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.container import Container, holds_static_files
from skytier.openstack.resources.project import STACK
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
_OUT_OF_THE_STACK = (
    "take it out of the stack, which leaves it as it is: openstack volume unset --property "
    f"{STACK} {{}}"
)
_TWICE = (
    "{} have this name, and there is data: a volume that Cinder restores or clones has the name "
    "and the mark of the other one. Find out which one the stack does not need (openstack volume "
    "show), and " + _OUT_OF_THE_STACK.format("ID")
)
_RENAMED = (
    "Is it the one of {0}? Then give it its name back, and run skytier up again: openstack volume "
    "set --name {0} {1}. If not, "
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


def unclear_volumes(resolved: ResolvedStack, found: Sequence[Found]) -> dict[str, Loss]:
    """Volumes with data of which nobody can tell whether it is needed, by their ids.

    One has the name of another one, or a name that no machine's volume has. `losses` has those of
    machines that the stack does not have any more.
    """
    volumes = [each for each in found if each.key.kind == Volume.name]
    named = Counter(each.key for each in volumes)
    of_machines = {
        resolved.key(Volume.name, name, number)
        for name, role in resolved.roles.items()
        for number in range(1, _MOST_MEMBERS + 1)
        if role.holds_data
    }
    unclear = {}
    for each in volumes:
        if not each.facts["data"] or (named[each.key] == 1 and each.key in of_machines):
            continue
        role = resolved.roles.get(each.facts["role"])
        if named[each.key] > 1:
            ids = sorted(one.id for one in volumes if one.key == each.key)
            instead = _TWICE.format(" and ".join(ids))
        else:
            machine = _machine_without_volume(resolved, each, found)
            back = _RENAMED.format(machine, each.id) if machine else "If nobody needs it here, "
            instead = back + _OUT_OF_THE_STACK.format(each.id)
        unclear[each.id] = Loss((role and role.holds_data) or "what is on it", instead)
    return unclear


def _machine_without_volume(resolved: ResolvedStack, volume: Found, found: Sequence[Found]) -> str:
    """The name of the machine whose data a volume has, or seems to have; empty for none."""
    for each in found:
        if each.key.kind == SERVER and each.facts.get("metadata", {}).get(DATA_ID) == volume.id:
            return each.key.name
    role = volume.facts["role"]
    count = resolved.stack.machines()[role].machines if role in resolved.stack.volumes() else 0
    names = [resolved.key(Volume.name, role, number) for number in range(1, count + 1)]
    there = {each.key for each in found}
    return next((key.name for key in names if key not in there), "")


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
