"""What advice is decided from, and what it is."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from skytier.costs.rates import Rates
from skytier.costs.usage import Resource
from skytier.metrics.source import Point

HEADROOM = 1.3
"""What is advised leaves room for 30% more than what was needed 95% of the time."""
ENOUGH_H = 24.0
"""A whole day: less does not have the busy hours and the quiet ones."""


@dataclass(frozen=True)
class MachineLoad:
    """A server of the stack with what was measured of it."""

    name: str
    role: str
    server: Resource
    """With its flavor, vcpus, ram_mib and disk_gib."""
    cpu: Sequence[Point]
    """Percent of all its vCPUs, one point for each step of time."""
    memory: Sequence[Point]
    """Percent of its memory."""
    root_gib: int = 0
    """The size of the volume that it boots from; 0 for the disk of its flavor."""
    image_ram_mib: int = 0
    image_disk_gib: int = 0
    """What its image needs at least."""


class Spare(StrEnum):
    """Why something may be of no use."""

    IDLE = "leads to nothing"
    UNATTACHED = "is attached to nothing"
    ORPHANED = "belongs to nothing"
    OLD = "is old"


@dataclass(frozen=True)
class Leftover:
    """Something of the project that is perhaps needed no more, whoever made it."""

    kind: str
    """As OpenStack's command line calls it: `floating ip`, `port`, `volume snapshot`."""
    id: str
    name: str
    spare: Spare
    created_at: datetime
    stack: str
    """Empty for what no stack made."""
    resource: Resource | None
    """What is paid for; None for what is free everywhere."""


@dataclass(frozen=True)
class Facts:
    """All that is known."""

    rates: Rates
    step_s: int
    """The time that a point stands for."""
    machines: Sequence[MachineLoad] = ()
    flavors: Sequence[Resource] = ()
    """What the cloud offers, as servers."""
    p99_s: Sequence[Point] = ()
    """Within how many seconds 99 of 100 requests were answered."""
    objective_s: float | None = None
    """Within how many they shall be."""
    reads_percent: Sequence[Point] = ()
    """Of the requests that the application answers, those that read."""
    past_cache_percent: Sequence[Point] = ()
    """Of all requests, those that reach the application, since no cache answered them."""
    scheduled: bool = False
    """Whether the stack file has a schedule of web servers already."""
    leftovers: Sequence[Leftover] = ()
    now: datetime | None = None

    def measured_h(self) -> float:
        """Of how many hours there are figures, of the machine that has the fewest."""
        return min((len(each.cpu) * self.step_s / 3600 for each in self.machines), default=0.0)

    def roles(self) -> Mapping[str, list[MachineLoad]]:
        """Role to its machines."""
        found: dict[str, list[MachineLoad]] = {}
        for machine in self.machines:
            found.setdefault(machine.role, []).append(machine)
        return found


@dataclass(frozen=True)
class Advice:
    """Something to do, and why."""

    what: str
    saving: Decimal | None
    """A month of 730 hours, without tax; None where the price is not known, 0 for what is free."""
    evidence: str
    reaches: str = ""
    """Which p95 and p99 are to be expected then."""
    do: str = ""
    """The command, or the change of the stack file."""


@dataclass(frozen=True)
class Advised:
    """What would save money, and what would but is not advised."""

    advice: list[Advice] = field(default_factory=list)
    refrained: list[str] = field(default_factory=list)
    """Sentences: what would be cheaper, and which objective or room it would cost."""


def p95(values: Iterable[float]) -> float:
    """What 95% of the values do not pass: the nearest rank.

    >>> p95(range(1, 101))
    95
    """
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def slower(p99_s: float, busy_before: float, busy_after: float) -> float:
    """What a p99 becomes when the machines' share of busy time changes.

    A request that finds its processor busy waits: the time in a queue goes by 1 / (1 - busy).
    """
    return p99_s * (1 - busy_before) / (1 - busy_after)
