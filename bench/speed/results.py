"""From samples to results: medians over the rounds, ratios, and how far the rounds lie apart."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.speed.measure import MAIN, Sample, Setting


@dataclass(frozen=True)
class Result:
    """One contender at one kind of work in one setting."""

    rps: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_ms: float | None
    """Processor time of the application for each request; None where there is none."""
    spread: float
    """How far the middle half of the rounds lies apart, as a part of the median."""
    rounds: int


Key = tuple[str, Setting, str]
"""Work, setting, contender."""


def results(samples: Iterable[Sample]) -> dict[Key, Result]:
    """The result for each work, setting and contender."""
    groups: dict[Key, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.work, sample.setting, sample.contender].append(sample)
    return {key: _result(group) for key, group in groups.items()}


def _result(samples: Sequence[Sample]) -> Result:
    slices = [sample.slice for sample in samples]
    requests = sum(found.requests for found in slices)
    cpu = [sample.cpu_s for sample in samples if sample.cpu_s is not None]
    rps = [found.rps for found in slices]
    return Result(
        rps=statistics.median(rps),
        p50_ms=_median(found.p50_ms for found in slices if found.requests),
        p99_ms=_median(found.p99_ms for found in slices if found.requests),
        failed=sum(found.failed for found in slices),
        cpu_ms=1000 * sum(cpu) / requests if cpu and requests else None,
        spread=spread(rps),
        rounds=len(samples),
    )


def _median(values: Iterable[float]) -> float:
    found = [*values]
    return statistics.median(found) if found else math.nan  # nothing was answered


def spread(values: Sequence[float]) -> float:
    """How far the middle half of some values lies apart, as a part of their median.

    >>> spread([100, 90, 110, 95, 105])
    0.1
    """
    median = statistics.median(values)
    if len(values) < 2 or not median:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return (third - first) / median


def quotient(a: float, b: float) -> float:
    """`a` divided by `b`; NaN when that is nothing."""
    return a / b if b else math.nan


def as_json(found: Mapping[Key, Result], main: Setting = MAIN) -> dict[str, Any]:
    """Work, then contender, then figures. Those of other settings stand within, by their name."""
    document: dict[str, Any] = {}
    for (work, setting, contender), result in found.items():
        entry = document.setdefault(work, {}).setdefault(contender, {})
        figures = {name: _rounded(value) for name, value in asdict(result).items()}
        if setting == main:
            entry.update(figures)
        else:
            entry.setdefault("settings", {})[setting.name] = figures
    return document


def _rounded(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    return round(value, 4)
