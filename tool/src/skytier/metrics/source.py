"""Where figures come from: a Prometheus, this machine's own history, or scrapes made just now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from skytier.charts.chart import Chart


class Point(NamedTuple):
    """A value at a time in unix seconds."""

    at: float
    value: float


@dataclass(frozen=True)
class Series:
    """One line of a chart. Where nothing was measured it has no point."""

    labels: Mapping[str, str]
    """Those of the chart's `by`."""
    points: Sequence[Point]
    """In the order of time."""


@dataclass(frozen=True)
class Alert:
    """An alert as it is now."""

    state: str
    """`firing`, or `pending` while it waits to see whether it lasts."""
    name: str
    """`MachineDown`"""
    severity: str
    """`critical` or `warning`"""
    machine: str
    """Empty when it is about the whole stack."""
    summary: str
    """What is wrong, in one line."""
    description: str
    """What to do."""
    since: float
    """Unix seconds: when what it is about began."""


@dataclass(frozen=True)
class Mark:
    """A release of the application that began to run."""

    at: float
    """Unix seconds."""
    version: str
    release: str


class Source(Protocol):
    """Answers for figures. Every method raises SkytierError when it cannot be asked."""

    @property
    def name(self) -> str:
        """What it is, for people: `Prometheus`."""

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        """A chart from `start` to `end` (unix seconds), with a point about every `step_s`."""

    def latest(self, chart: Chart) -> list[Series]:
        """The chart as it is now: each series has its newest point only."""

    def alerts(self) -> list[Alert]:
        """What fires now, the worst first, and then what waits."""

    def releases(self, start: float, end: float) -> list[Mark]:
        """The releases that began within this time, the oldest first."""
