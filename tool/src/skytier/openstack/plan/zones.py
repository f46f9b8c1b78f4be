"""What of a stack is in another zone than its file names: it stays, and the plan says so. Of a
server and its data volume none is made in another zone than the other one stays in."""

from collections.abc import Iterator, Sequence

from skytier.deploy.kind import Key
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.volume import Volume

_KINDS = (Server.name, RootVolume.name, Volume.name)
_STAYS = (
    "The stack file names other zones than these have: {}. They stay where they are. A machine and "
    "its root volume get their zone when they are made, and a data volume is never replaced for it."
)


def check(steps: Sequence[Step]) -> None:
    """Raises SkytierError where one of a server and its data volume is to be made in another zone
    than the other one stays in, and the stack file names one zone for both.

    Nova may refuse to attach it then (`cross_az_attach`). Whoever names two zones knows that it
    does not.
    """
    for server, volume in _pairs(steps):
        if not _named(server) or _named(server) != _named(volume) or _new(server) == _new(volume):
            continue
        made, stays = (server, volume) if _new(server) else (volume, server)
        if (zone := _has(stays)) and zone != _named(made):
            role = made.wanted.creation["role"] if made.wanted else ""
            raise SkytierError(
                f"The {made.key} is to be made in the zone {_named(made)}, and its "
                f"{stays.key.kind} stays in the zone {zone}: the cloud may refuse to attach it.",
                f"Name {zone} for both in the stack file: {role}.availability_zone and "
                f"{role}.volume_zone.",
            )


def news(steps: Sequence[Step]) -> list[str]:
    """Sentences about what stays in another zone than is named for it, and about servers that are
    replaced in another one."""
    elsewhere = [
        step
        for step in steps
        if step.key.kind in _KINDS and _named(step) and _has(step) not in ("", _named(step))
    ]
    volumes = {volume.key.name: volume for _, volume in _pairs(steps)}
    stay = [f"{s.key} ({_has(s)}, not {_named(s)})" for s in elsewhere if not _new(s)]
    said = [_STAYS.format(", ".join(stay))] if stay else []
    for step in elsewhere:
        if step.key.kind == Server.name and _new(step):
            said.append(
                f"{step.key.name} is replaced by one in the zone {_named(step)}; now it is in "
                f"{_has(step)}."
            )
            volume = volumes.get(step.key.name)
            if volume and not _new(volume) and _has(volume) == _has(step):
                said.append("Its data volume stays there: the cloud may refuse to attach it.")
    return said


def _pairs(steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    """The servers with a data volume, each with that volume."""
    wanted = {step.key: step for step in steps if step.wanted}
    for key, step in wanted.items():
        server = wanted.get(Key(Server.name, key.name))
        if server and key.kind == Volume.name:
            yield server, step


def _new(step: Step) -> bool:
    return step.action in (Action.CREATE, Action.REPLACE)


def _named(step: Step) -> str:
    """The zone that the stack file names; empty for none."""
    zone = step.wanted.creation.get("zone") if step.wanted else None
    # Administrators may name a host as well: `nova:host`.
    return (zone or "").partition(":")[0] if step.key.kind == Server.name else zone or ""


def _has(step: Step) -> str:
    """The zone of what is there; empty where nothing is, or the cloud does not tell."""
    return str(step.found.facts.get("zone", "")) if step.found else ""
