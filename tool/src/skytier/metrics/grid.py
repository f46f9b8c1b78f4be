"""Series of points as columns over the same moments, which is what a chart draws."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.charts.chart import Chart
from skytier.metrics.source import Series

STEPS_S = (15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
MOST_MOMENTS = 300
"""More than a chart of some hundred pixels can show."""


@dataclass(frozen=True)
class Grid:
    """Moments in unix seconds, and for each line its values there: None where there are none."""

    times: Sequence[int]
    lines: Sequence[tuple[str, Sequence[float | None]]]


def step(start: float, end: float) -> int:
    """How many seconds lie between the moments of a chart.

    >>> step(0, 3600), step(0, 86400)
    (15, 300)
    """
    for each in STEPS_S:
        if (end - start) / each <= MOST_MOMENTS:
            return each
    return int((end - start) / MOST_MOMENTS)


def aligned(start: float, end: float) -> tuple[int, int, int]:
    """First moment, last moment and step in seconds.

    Whole steps since 1970: a chart that is fetched again shows the same moments.
    """
    each = step(start, end)
    return int(start // each * each), int(end // each * each), each


def grid(chart: Chart, found: Sequence[Series], start: int, end: int, step_s: int) -> Grid:
    """Columns from `start` to `end`. A point belongs to the moment that it is nearest to."""
    times = range(start, end + 1, step_s)
    lines: list[tuple[str, Sequence[float | None]]] = []
    for series in sorted(found, key=lambda each: name(chart, each)):
        values: list[float | None] = [None] * len(times)
        for at, value in series.points:
            place = round((at - start) / step_s)
            if 0 <= place < len(times):
                values[place] = value
        if any(value is not None for value in values):
            lines.append((name(chart, series), values))
    return Grid(times, lines)


def name(chart: Chart, series: Series) -> str:
    """What a line is called: its labels, or the chart's title when it is the only one."""
    return ", ".join(series.labels.get(label, "") for label in chart.by) or chart.title
