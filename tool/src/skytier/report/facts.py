"""What a report is about, asked once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skytier.charts.chart import Chart
from skytier.errors import SkytierError
from skytier.metrics.catalogue import CHARTS
from skytier.metrics.grid import Grid, aligned, grid
from skytier.metrics.source import Mark, Point, Series
from skytier.services.prometheus.charts import FIRING, UP
from skytier.watched import Cost, Watched

_FINEST_S, _MOST_POINTS = 15.0, 10_000


@dataclass(frozen=True)
class Drawing:
    """A chart with what it shows."""

    chart: Chart
    grid: Grid


@dataclass(frozen=True)
class Episode:
    """A time in which an alert fired, in unix seconds. `end` is None when it still does."""

    name: str
    severity: str
    machine: str
    start: float
    end: float | None


@dataclass(frozen=True)
class Watch:
    """Looks at whether the application answers: how many, how many of them well, every `step_s`."""

    looks: int
    well: int
    step_s: float


@dataclass(frozen=True)
class Facts:
    """Everything that a report says. Times are unix seconds."""

    name: str
    cloud: str | None
    start: float
    end: float
    source: str
    drawings: Sequence[Drawing]
    """Those of the catalogue for which something was measured."""
    watch: Watch
    episodes: Sequence[Episode]
    releases: Sequence[Mark]
    cost: Cost | None
    missing: Sequence[str]
    """What could not be had, in sentences."""


def gather(watched: Watched, start: float, end: float) -> Facts:
    """Ask for all of it. Raises SkytierError when there are no figures to be had at all."""
    source = watched.source
    first, last, step_s = aligned(start, end)
    drawings = [
        Drawing(chart, columns)
        for chart in CHARTS
        if (columns := grid(chart, source.series(chart, first, last, step_s), first, last, step_s))
        and columns.lines
    ]
    fine_s = max(_FINEST_S, (end - start) / _MOST_POINTS)
    missing = []
    try:
        cost = watched.cost()
    except SkytierError as error:
        cost = None
        missing.append(f"The cost could not be had: {error.what}")
    return Facts(
        name=watched.name,
        cloud=watched.cloud,
        start=start,
        end=end,
        source=source.name,
        drawings=drawings,
        watch=watch(source.series(UP, start, end, fine_s), fine_s),
        episodes=list(episodes(source.series(FIRING, start, end, fine_s), end, fine_s)),
        releases=source.releases(start, end),
        cost=cost,
        missing=missing,
    )


def watch(found: Sequence[Series], step_s: float) -> Watch:
    """The application is there when it answers on any of its machines."""
    looks: dict[int, float] = {}
    for series in found:
        if series.labels.get("job") == "application":
            for at, value in series.points:
                moment = int(at // step_s)
                looks[moment] = max(value, looks.get(moment, 0))
    return Watch(len(looks), sum(value >= 1 for value in looks.values()), step_s)


def episodes(found: Sequence[Series], end: float, step_s: float) -> Iterator[Episode]:
    """The times in which each alert fired without a break."""
    for series in found:
        for first, last in _runs(series.points, 2 * step_s):
            yield Episode(
                series.labels.get("alertname", ""),
                series.labels.get("severity", ""),
                series.labels.get("machine", ""),
                first,
                None if end - last < 2 * step_s else last,
            )


def _runs(points: Sequence[Point], gap_s: float) -> Iterator[tuple[float, float]]:
    """First and last moment of points that follow each other without a gap.

    >>> list(_runs([Point(0, 1), Point(15, 1), Point(90, 1)], 30))
    [(0, 15), (90, 90)]
    """
    begin = before = None
    for at, _ in points:
        if begin is None or before is None or at - before > gap_s:
            if begin is not None and before is not None:
                yield begin, before
            begin = at
        before = at
    if begin is not None and before is not None:
        yield begin, before
