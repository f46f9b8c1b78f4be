"""What the page is told, as JSON-ready values."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from skytier import moment
from skytier.dashboard.fresh import Fresh
from skytier.dashboard.topology import topology
from skytier.metrics.catalogue import BY_ID, CHARTS
from skytier.metrics.grid import aligned, grid
from skytier.metrics.source import Series
from skytier.watched import Cost, Watched

STATUS_S = 10.0
COST_S = 300.0
STACK_FIGURES = ("requests_per_s", "latency_p99_s", "error_percent")
MACHINE_FIGURES = (
    "cpu_percent",
    "memory_percent",
    "disk_percent",
    "requests_in_progress",
    "balancer_servers",
    "balancer_connections",
    "nginx_requests_per_s",
    "nginx_connections",
    "database_connections",
    "replication_lag_s",
    "redis_memory_bytes",
    "redis_clients",
)


class Answers:
    """Every method answers one question of the page; all raise SkytierError."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._status = Fresh(lambda: topology(watched.status()), STATUS_S)
        self._cost = Fresh(lambda: _cost(watched.cost()), COST_S)

    def catalogue(self) -> dict[str, Any]:
        """Which charts there are, by group and in order."""
        groups = groupby(CHARTS, key=lambda chart: chart.group)
        return {
            "groups": [
                {
                    "name": str(group),
                    "charts": [
                        {
                            "id": chart.id,
                            "title": chart.title,
                            "unit": str(chart.unit),
                            "by": ",".join(chart.by),
                        }
                        for chart in charts
                    ],
                }
                for group, charts in groups
            ]
        }

    def topology(self) -> dict[str, Any]:
        """The stack as it is, at most some seconds old."""
        return self._status.get()

    def figures(self) -> dict[str, Any]:
        """The newest figures of the whole stack and of each machine, by chart."""
        source = self._watched.source
        stack = {name: source.latest(BY_ID[name]) for name in STACK_FIGURES}
        machines: dict[str, dict[str, float]] = {}
        for name in MACHINE_FIGURES:
            for series in source.latest(BY_ID[name]):
                machines.setdefault(series.labels["machine"], {})[name] = _newest([series])
        return {
            "stack": {name: _newest(found) for name, found in stack.items() if found},
            "machines": machines,
        }

    def chart(self, name: str, start: str, end: str) -> dict[str, Any]:
        """One chart over a time, as columns."""
        first, last, step_s = aligned(*_period(start, end))
        found = self._watched.source.series(BY_ID[name], first, last, step_s)
        columns = grid(BY_ID[name], found, first, last, step_s)
        return {
            "from": first,
            "to": last,
            "step": step_s,
            "times": list(columns.times),
            "series": [{"name": line, "values": values} for line, values in columns.lines],
        }

    def alerts(self) -> dict[str, Any]:
        """What fires, and what waits to see whether it lasts."""
        return {"alerts": [asdict(alert) for alert in self._watched.source.alerts()]}

    def releases(self, start: str, end: str) -> dict[str, Any]:
        """The releases that began to run within a time."""
        marks = self._watched.source.releases(*_period(start, end))
        return {"releases": [asdict(mark) for mark in marks]}

    def cost(self) -> dict[str, Any]:
        """What the stack costs as it is. Amounts are texts, so that they stay exact."""
        return self._cost.get()


def _period(start: str, end: str) -> tuple[float, float]:
    first, last = moment.period(start, end)
    return first.timestamp(), last.timestamp()


def _newest(found: Sequence[Series]) -> float:
    return found[0].points[-1].value


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "currency": cost.currency,
        "per_month": None if cost.per_month is None else str(cost.per_month),
        "sentence": cost.sentence,
        "lines": [
            {
                "resource": line.resource,
                "kind": line.kind,
                "per_month": None if line.per_month is None else str(line.per_month),
            }
            for line in cost.lines
        ],
    }
