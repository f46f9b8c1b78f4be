"""What a target says at one moment, and how two such moments are compared."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from skytier.errors import SkytierError

Labels = frozenset[tuple[str, str]]


class Sample(NamedTuple):
    """One value of a metric."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Scrape:
    """Everything that one target said."""

    target: Mapping[str, str]
    """What tells it from others: `job`, `machine`, `role`, `stack`."""
    at: float
    """Unix seconds."""
    metrics: Mapping[str, Sequence[Sample]]
    """Name to samples, each with the target's labels too."""


def parse(text: str, target: Mapping[str, str], at: float) -> Scrape:
    """A scrape from Prometheus' text format.

    Raises SkytierError when it is something else.
    """
    # Its import takes its time, and commands that do not scrape need not wait for it.
    from prometheus_client.parser import text_string_to_metric_families

    metrics: dict[str, list[Sample]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = {**sample.labels, **target}
                metrics.setdefault(sample.name, []).append(Sample(labels, sample.value))
    except (ValueError, KeyError, IndexError) as error:
        name = f"{target.get('job')} on {target.get('machine')}"
        raise SkytierError(
            f"{name} did not answer in Prometheus' format: {error}.",
            "Look at what answers there; it may be another program at that port.",
        ) from error
    return Scrape(target, at, metrics)


@dataclass(frozen=True)
class Window:
    """Two scrapes of each target, some seconds apart; one for targets that are new."""

    before: Sequence[Scrape]
    after: Sequence[Scrape]

    def now(self, metric: str) -> list[Sample]:
        """The newest samples of a metric."""
        return [
            sample
            for scrape in self.after
            for sample in scrape.metrics.get(metric, ())
            if math.isfinite(sample.value)
        ]

    def rates(self, metric: str) -> list[Sample]:
        """How much each counter grew a second. One that went back was begun anew from 0."""
        earlier = {_key(scrape.target): scrape for scrape in self.before}
        return [
            sample
            for scrape in self.after
            if (first := earlier.get(_key(scrape.target))) and scrape.at > first.at
            for sample in _grown(first, scrape, metric)
        ]


def _grown(first: Scrape, second: Scrape, metric: str) -> Iterable[Sample]:
    # A counter that appears between the two has grown from 0: the application makes them lazily.
    before = {_key(s.labels): s.value for s in first.metrics.get(metric, ())}
    for labels, value in second.metrics.get(metric, ()):
        old = before.get(_key(labels), 0.0)
        grown = value - old if value >= old else value
        if math.isfinite(grown):
            yield Sample(labels, grown / (second.at - first.at))


def _key(labels: Mapping[str, str]) -> Labels:
    return frozenset(labels.items())
