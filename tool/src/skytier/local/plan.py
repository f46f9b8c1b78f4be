"""Wanted - found = steps. Nothing here asks or does anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from skytier.files import HASH

Marks = Mapping[str, str]
"""What a service runs with: a name (`port`, `settings`) to a value or the fingerprint of one."""


class Action(StrEnum):
    """What a step does to its service."""

    KEEP = "keep"
    CREATE = "create"
    START = "start"
    RESTART = "restart"
    RELOAD = "reload"
    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


@dataclass(frozen=True)
class Wanted:
    """A service that shall run, and with what."""

    marks: Marks
    reloadable: Callable[[frozenset[str]], bool] = lambda changed: False
    """Whether the service takes a change of these marks without a restart."""


@dataclass(frozen=True)
class Found:
    """A service as it was found."""

    pid: int | None = None
    """None when it does not run."""
    marks: Marks = field(default_factory=dict)
    leftovers: tuple[int, ...] = ()
    """Its processes that outlived the main one."""
    created: bool = True
    """Whether there is something to start; for PostgreSQL its data."""


@dataclass(frozen=True)
class Step:
    """One thing to do, and why."""

    service: str
    action: Action
    why: str = ""


MIGRATIONS = "migrations"
MONITOR = "monitor"
ORDER = ("postgresql", "application", "nginx", MONITOR)
"""Each needs those before it."""


def plan(wanted: Mapping[str, Wanted], found: Mapping[str, Found]) -> list[Step]:
    """The steps from what is found to what is wanted, in their order.

    A service that is found and not wanted is stopped. Migrations run before the application
    starts, for it is then that it may be a new release or meet another database.
    """
    stops = [
        Step(name, Action.STOP, "not wanted any more")
        for name in reversed(ORDER)
        if name not in wanted and _runs(found.get(name))
    ]
    steps = [_step(name, wanted[name], found[name]) for name in ORDER if name in wanted]
    for position, step in enumerate(steps):
        if step.service == "application" and step.action is not Action.KEEP:
            steps.insert(position, Step(MIGRATIONS, Action.RUN, "before the application starts"))
            break
    return stops + steps


def stop_all(found: Mapping[str, Found]) -> list[Step]:
    """The steps that stop whatever runs, the last one started first."""
    return [Step(name, Action.STOP) for name in reversed(ORDER) if _runs(found.get(name))]


def nothing_to_do(steps: list[Step]) -> bool:
    """Whether everything is as it should be."""
    return all(step.action is Action.KEEP for step in steps)


def _runs(found: Found | None) -> bool:
    return found is not None and bool(found.pid or found.leftovers)


def _step(name: str, wanted: Wanted, found: Found) -> Step:
    if not found.created:
        return Step(name, Action.CREATE, "there is none yet")
    if found.leftovers:
        number = len(found.leftovers)
        what = "a process" if number == 1 else f"{number} processes"
        return Step(name, Action.START, f"its main process is gone, and left {what} behind")
    if found.pid is None:
        return Step(name, Action.START, "it does not run")
    if not found.marks:
        return Step(name, Action.RESTART, "its start was cut short")
    changed = frozenset(
        mark
        for mark in wanted.marks.keys() | found.marks.keys()
        if wanted.marks.get(mark) != found.marks.get(mark)
    )
    if not changed:
        return Step(name, Action.KEEP)
    action = Action.RELOAD if wanted.reloadable(changed) else Action.RESTART
    return Step(name, action, ", ".join(_change(m, found, wanted) for m in sorted(changed)))


def _change(mark: str, found: Found, wanted: Wanted) -> str:
    old, new = found.marks.get(mark, "none"), wanted.marks.get(mark, "none")
    if HASH in new and mark not in found.marks:
        return f"{mark} is missing"
    if HASH in old + new:
        return f"changed {mark}"
    return f"{mark} {old} → {new}"
