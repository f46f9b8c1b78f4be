"""The members of the database, as PostgreSQL and Patroni tell of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from skytier.errors import SkytierError
from skytier.render import render
from skytier.services.patroni.service import CONFIG, ETC, HOME, PAUSED, RESUME
from skytier.services.patroni.software import Software, software
from skytier.services.pgbackrest.config import HOMES, STATE
from skytier.stackfile.backup import SECOND

LOOK = render(
    "skytier.services.patroni",
    "look.sh",
    config=CONFIG,
    etc=ETC,
    home=HOME,
    state=STATE,
    second=HOMES[SECOND].directory,
)
"""Prints what a member knows, as one JSON object: of itself, and of all of them."""

IN_STEP_BYTES = 1048576
"""A replica that lacks no more can take over within a moment."""


@dataclass(frozen=True)
class Member:
    """One machine of the database."""

    machine: str
    """`shop-database-2`"""
    role: str
    """`primary`, `synchronous replica` or `replica`; empty where it cannot be told."""
    state: str
    """Patroni's word (`running`, `streaming`, `stopped`), or `does not answer`."""
    timeline: int | None
    lag_bytes: int | None
    """How much it has not replayed of what the primary has on its disk; None where not known."""
    in_step: bool
    """Whether the primary itself sends to it, and it lacks no more than IN_STEP_BYTES."""
    software: Software | None = None
    """None for one that does not answer."""


@dataclass(frozen=True)
class Slot:
    """What the primary keeps for a replica."""

    name: str
    active: bool
    kept_bytes: int | None
    state: str | None
    """`reserved`, `extended`, `unreserved`, or `lost`: the replica has to be cloned."""


@dataclass(frozen=True)
class Archive:
    """What the primary hands over to the backups."""

    last_backup: str | None
    """When the last backup ended, as ISO 8601; None where there is none that it knows of. With two
    places it is that of the first one."""
    waits_s: int
    """How long the oldest change waits to be archived; 0 where none waits."""
    places: Mapping[str, str | None] = field(default_factory=dict)
    """When it ended in each place, where there are two."""


@dataclass(frozen=True)
class Members:
    """All of them, those that do not answer too."""

    version: str
    """PostgreSQL's; empty where none answers."""
    members: Sequence[Member]
    slots: Sequence[Slot]
    paused: bool
    """Whether Patroni is told to do nothing."""
    archive: Archive | None = None
    """None where no backups are made, or there is no primary."""
    restoring: Sequence[str] = ()
    """The machines on which a restore goes on, or was interrupted."""

    @property
    def primaries(self) -> Sequence[Member]:
        """Those that take writes: one, if all is well."""
        return [each for each in self.members if each.role == "primary"]


def read(answers: Mapping[str, str | None]) -> Members:
    """What LOOK printed on each machine; None for one that does not answer."""
    told = {machine: json.loads(text) if text else {} for machine, text in answers.items()}
    databases = {machine: each.get("database") for machine, each in told.items()}
    primary = next((each for each in databases.values() if each and each["is_primary"]), None)
    cluster = _cluster(told)
    by_patroni = {each["name"]: each for each in cluster.get("members", [])}
    sent = {each["name"]: each for each in (primary or {}).get("replicas") or []}
    return Members(
        next((each["version"] for each in databases.values() if each), ""),
        [
            replace(
                _member(machine, database, by_patroni.get(machine, {}), sent.get(machine), primary),
                software=software(told[machine]),
            )
            for machine, database in databases.items()
        ],
        [
            Slot(each["name"], each["active"], each["kept"], each["state"])
            for each in (primary or {}).get("slots") or []
        ],
        bool(cluster.get("pause")),
        _archive(told),
        [machine for machine, each in told.items() if each.get("restoring")],
    )


def _archive(told: Mapping[str, Any]) -> Archive | None:
    for each in told.values():
        database = each.get("database") or {}
        if database.get("is_primary") and database.get("waits") is not None:
            places = {name: _ended(at) for name, at in each.get("places", {}).items()}
            return Archive(_ended(each.get("completed")), int(database["waits"]), places)
    return None


def _ended(at: int | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).isoformat() if at else None


def _cluster(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What Patroni says of all; the primary's knows it first."""
    there = [each for each in told.values() if each.get("cluster")]
    there.sort(key=lambda each: not (each["database"] or {}).get("is_primary"))
    found: Mapping[str, Any] = there[0]["cluster"] if there else {}
    return found


def _member(
    machine: str,
    database: Mapping[str, Any] | None,
    by_patroni: Mapping[str, Any],
    sent: Mapping[str, Any] | None,
    primary: Mapping[str, Any] | None,
) -> Member:
    if database and database["is_primary"]:
        state = by_patroni.get("state", "running")
        return Member(machine, "primary", state, database["timeline"], 0, in_step=True)
    replayed = sent["replayed"] if sent else (database or {}).get("position")
    lag = None
    if primary and replayed is not None:
        lag = max(0, primary["position"] - replayed)
    is_synchronous = sent is not None and sent["sync"] in ("sync", "quorum")
    role = "synchronous replica" if is_synchronous else "replica"
    return Member(
        machine,
        role if database or by_patroni else "",
        by_patroni.get("state", "running") if database else "does not answer",
        database["timeline"] if database else by_patroni.get("timeline"),
        lag,
        in_step=bool(
            database
            and sent
            and sent["state"] == "streaming"
            and lag is not None
            and lag <= IN_STEP_BYTES
        ),
    )


def paused(found: Members) -> SkytierError:
    """The error for what needs another primary while Patroni is paused."""
    return SkytierError(f"{PAUSED}. Nothing was changed.", how_to_resume(found))


def how_to_resume(found: Members) -> str:
    """A sentence of advice, with a member that answers."""
    answers = [each.machine for each in found.members if each.state != "does not answer"]
    return RESUME.format(machine=[*answers, found.members[0].machine][0])


def successor(found: Members, synchronous: bool, wanted: str | None) -> tuple[Member, Member]:
    """The primary, and who is to take over: `wanted`, or the replica that lacks the least.

    With `synchronous`, only a synchronous replica has all that was acknowledged. Raises
    SkytierError where nobody can take over without a loss.
    """
    if len(found.members) < 2:
        raise SkytierError(
            "The database has one member, so none can take over.",
            "Ask for a second one in the stack file: database.members = 2",
        )
    if len(found.primaries) != 1:
        those = ", ".join(each.machine for each in found.primaries) or "none"
        raise SkytierError(
            f"One member has to be the primary, and these are: {those}.",
            "Wait for half a minute, in which Patroni chooses one. Then look: skytier database",
        )
    if found.paused:
        raise paused(found)
    [primary] = found.primaries
    if wanted == primary.machine:
        raise SkytierError(f"{wanted} is the primary already.", "Name another member, or none.")
    able = [
        each
        for each in found.members
        if each.in_step and each is not primary
        if not synchronous or each.role == "synchronous replica"
    ]
    named = [each for each in able if wanted in (None, each.machine)]
    if not named:
        raise SkytierError(
            f"{wanted or 'No replica'} is {'not ' if wanted else ''}in step with the primary.",
            "Nothing was changed. See what is missing: skytier database",
        )
    return primary, min(named, key=lambda each: each.lag_bytes or 0)
