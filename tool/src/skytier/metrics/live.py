"""Figures from scrapes made just now, without a Prometheus."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from skytier.charts.chart import Chart
from skytier.charts.expression import Values
from skytier.charts.scrape import Labels, Scrape, Window
from skytier.metrics.catalogue import CHARTS
from skytier.metrics.source import Alert, Mark, Point, Series
from skytier.metrics.target import MACHINE, Target, scrape
from skytier.services.application.charts import BUILD
from skytier.services.prometheus.charts import UP

KEPT = 120


class Live:
    """Scrapes when `look` is called; every figure comes from the last two times."""

    name = "exporters"

    def __init__(self, targets: Callable[[], Sequence[Target]]) -> None:
        self._targets = targets
        self._before: Sequence[Scrape] = ()
        self._kept: deque[tuple[float, dict[str, Values]]] = deque(maxlen=KEPT)

    def look(self) -> tuple[float, dict[str, Values]]:
        """Scrape all. Returns the time, and the figures by the id of their chart.

        There are no rates at the first time.
        """
        after = scrape(self._targets())
        window = Window(self._before, after)
        self._before = after
        values = {chart.id: chart.expression.evaluate(window) for chart in (*CHARTS, UP, BUILD)}
        self._kept.append((time.time(), values))
        return self._kept[-1]

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        """What was seen since this began, whatever the step."""
        lines: dict[Labels, list[Point]] = {}
        for at, values in self._kept:
            if start <= at <= end:
                for labels, value in values[chart.id].items():
                    lines.setdefault(labels, []).append(Point(at, value))
        return [Series(dict(labels), points) for labels, points in lines.items()]

    def latest(self, chart: Chart) -> list[Series]:
        """The figures of the last look."""
        if not self._kept:
            return []
        at, values = self._kept[-1]
        return [Series(dict(labels), [Point(at, v)]) for labels, v in values[chart.id].items()]

    def alerts(self) -> list[Alert]:
        """What does not answer: there are no other rules without a Prometheus."""
        return down(self.series(UP, 0, time.time(), 0))

    def releases(self, start: float, end: float) -> list[Mark]:
        """The releases that began to run while this looked on."""
        return begun(self.series(BUILD, start, end, 0), self._kept[0][0] if self._kept else start)


def down(up: Sequence[Series]) -> list[Alert]:
    """An alert for each target that did not answer the last time, from the lines of `UP`."""
    found = []
    for series in up:
        if not series.points or series.points[-1].value > 0:
            continue
        answered = [i for i, point in enumerate(series.points) if point.value > 0]
        since = series.points[answered[-1] + 1 if answered else 0].at
        machine, job = series.labels.get(MACHINE, ""), series.labels.get("job", "")
        found.append(
            Alert(
                state="firing",
                name="TargetDown",
                severity="critical" if job == "application" else "warning",
                machine=machine,
                summary=f"{machine}: {job} does not answer",
                description="See what is wrong with it: skytier status. Repair it: skytier up.",
                since=since,
            )
        )
    return sorted(found, key=lambda alert: (alert.severity, alert.since))


def begun(builds: Sequence[Series], start: float) -> list[Mark]:
    """The releases that first ran after `start`, from the lines of `BUILD`."""
    return [
        Mark(series.points[0].at, **{k: series.labels.get(k, "") for k in ("version", "release")})
        for series in sorted(builds, key=lambda series: series.points[0].at)
        if series.points[0].at > start
    ]
