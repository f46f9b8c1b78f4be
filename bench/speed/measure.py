"""The measuring itself: short slices of the contenders in turn, round after round."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.speed.load import Slice
from bench.speed.work import Request, Works

DIRECT, NGINX = "direct", "nginx"
WARM_UP_S = 0.2
PAUSE_S = 0.05
"""What a contender left to do, it does before the next one is measured."""


@dataclass(frozen=True)
class Setting:
    """How the contenders are asked."""

    door: str
    """DIRECT or NGINX."""
    connections: int

    @property
    def name(self) -> str:
        """As it stands in the results: `nginx-32`."""
        return f"{self.door}-{self.connections}"


MAIN = Setting(NGINX, 32)
"""What the table shows and the aims are about."""


@dataclass(frozen=True)
class Sample:
    """One slice of one contender."""

    contender: str
    work: str
    setting: Setting
    slice: Slice
    cpu_s: float | None = None
    """Processor time of the application, without Nginx and PostgreSQL."""


@dataclass(frozen=True)
class Plan:
    """What to measure: each kind of work in a setting, for how long and how often."""

    setting: Setting
    works: Sequence[str]
    rounds: int
    seconds: float


class Subject(Protocol):
    """A contender, or one of the limits."""

    @property
    def name(self) -> str:
        """As it stands in the results."""

    def can(self, work: str, setting: Setting) -> bool:
        """Whether it does this work in this setting."""

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """Load it for so many seconds."""


def measure(plans: Sequence[Plan], subjects: Sequence[Subject], works: Works) -> Iterator[Sample]:
    """Every sample of the plans. Each round goes through all of them, after one that warms up."""
    # Work by work: those that write come last, and what they leave is in nobody's way.
    for work, requests in works.items():
        for plan in plans:
            if work not in plan.works:
                continue
            able = [subject for subject in subjects if subject.can(work, plan.setting)]
            for subject in able:
                subject.sample(work, requests, plan.setting, min(WARM_UP_S, plan.seconds))
            for number in range(plan.rounds):
                # Forth and back, so that nobody is always the one after the heaviest.
                for subject in able if number % 2 else reversed(able):
                    yield subject.sample(work, requests, plan.setting, plan.seconds)
                    time.sleep(PAUSE_S)
