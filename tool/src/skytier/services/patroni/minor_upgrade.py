"""A minor upgrade of PostgreSQL: what is in its way, and in which order members get it. Pure.

What each member runs decides, and nothing else: so the next run finishes one that was interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from skytier.errors import SkytierError
from skytier.services.patroni.members import Member, Members, paused

_MEND = "Nothing is changed. See how the members are: skytier database, and skytier status."


class Work(StrEnum):
    """What is done to a member in its turn."""

    UPGRADE = "upgrade"
    """Its packages are brought to the newest version, and PostgreSQL is restarted."""
    SWITCHOVER = "switchover"
    """Another member becomes the primary in its place."""


@dataclass(frozen=True)
class Turn:
    """One step, of one member."""

    work: Work
    machine: str
    installs: str = ""
    """The version of the package that is installed; empty where PostgreSQL only restarts."""


def turns(found: Members) -> list[Turn]:
    """What is left to do: replicas first, those that are not synchronous before the one that is.

    The primary hands over once, to one that has the newest version by then, and comes last.
    """
    behind = [each for each in found.members if each.software and each.software.is_behind]
    primaries = [each for each in behind if each.role == "primary"]
    replicas = sorted(
        (each for each in behind if each not in primaries),
        key=lambda each: (each.role == "synchronous replica", each.machine),
    )
    alone = len(found.members) == 1
    return [
        *map(_upgrade, replicas),
        *(Turn(Work.SWITCHOVER, each.machine) for each in primaries if not alone),
        *map(_upgrade, primaries),
    ]


def obstacle(found: Members, *, count: int, synchronous: bool) -> SkytierError | None:
    """Why no member may be taken out now; None where one may.

    `count` is how many members there shall be.
    """
    for machine in found.restoring:
        return SkytierError(
            f"A restore of the database on {machine} goes on, or was interrupted.",
            "Wait for its end, or go on with it: skytier restore --to ... See skytier status.",
        )
    if len(found.members) < count:
        return SkytierError(
            f"The database has {len(found.members)} of {count} members.",
            "Nothing is changed. Bring the others up first: skytier up",
        )
    if len(found.members) == 1:
        [member] = found.members
        return None if _may_go_on(member) else SkytierError(_silent([member]), _MEND)
    if found.paused:
        return paused(found)
    if silent := [each for each in found.members if each.state == "does not answer"]:
        return SkytierError(_silent(silent), _MEND)
    if len(found.primaries) != 1:
        those = ", ".join(each.machine for each in found.primaries) or "none"
        return SkytierError(f"One member has to be the primary, and these are: {those}.", _MEND)
    if away := [each.machine for each in found.members if not each.in_step]:
        return SkytierError(f"{_names(away)} not in step with the primary.", _MEND)
    if synchronous and all(each.role != "synchronous replica" for each in found.members):
        return SkytierError("No replica has all acknowledged writes.", _MEND)
    return None


def _upgrade(member: Member) -> Turn:
    return Turn(Work.UPGRADE, member.machine, member.software.newer if member.software else "")


def _may_go_on(member: Member) -> bool:
    """One whose installation was interrupted was stopped by it."""
    software = member.software
    return software is not None and bool(software.running or software.unfinished)


def _silent(members: Sequence[Member]) -> str:
    names = " and ".join(each.machine for each in members)
    return f"PostgreSQL does not answer on {names}."


def _names(machines: Sequence[str]) -> str:
    return f"{' and '.join(machines)} {'is' if len(machines) == 1 else 'are'}"
