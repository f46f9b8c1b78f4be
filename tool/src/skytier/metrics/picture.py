"""The stack at one moment, as `skytier top` and scripts see it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skytier.charts.chart import Chart, Group, Unit
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Alert, Source
from skytier.metrics.target import MACHINE

MACHINE_CHARTS = tuple(chart for chart in BY_ID.values() if chart.group is Group.MACHINES)
GROUPS = {
    "application": Group.APPLICATION,
    "balancer": Group.BALANCER,
    "nginx": Group.NGINX,
    "database": Group.POSTGRESQL,
    "redis": Group.REDIS,
}
"""The objects beside `machines` in the JSON, and what is in them."""


@dataclass(frozen=True)
class Place:
    """A machine of the stack."""

    name: str
    role: str


@dataclass(frozen=True)
class Picture:
    """All figures of a moment. A figure that nobody knows is None."""

    stack: str
    cloud: str | None
    source: str
    """What was asked: `Prometheus`."""
    at: float
    """Unix seconds."""
    machines: Sequence[Mapping[str, Any]]
    """Each with `name`, `role` and the figures of machines by the id of their chart."""
    figures: Mapping[str, Mapping[str, Any]]
    """GROUPS to figures by the id of their chart; an object by label where there are several."""
    alerts: Sequence[Alert]
    notes: Sequence[str] = ()
    """What is missing, and why."""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stack": self.stack,
            "cloud": self.cloud,
            "source": self.source,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "machines": list(self.machines),
            **self.figures,
            "alerts": [vars(alert) for alert in self.alerts],
            "notes": list(self.notes),
        }


def picture(
    stack: str,
    cloud: str | None,
    places: Sequence[Place],
    source: Source,
    now: float,
    notes: Sequence[str] = (),
) -> Picture:
    """Ask a source for all that there is to see now."""
    machines = {chart.id: _by_label(source, chart, MACHINE) for chart in MACHINE_CHARTS}
    return Picture(
        stack=stack,
        cloud=cloud,
        source=source.name,
        at=now,
        machines=[
            {
                **vars(place),
                **{name: values.get(place.name) for name, values in machines.items()},
            }
            for place in places
        ],
        figures={
            name: {
                chart.id: _figure(source, chart) for chart in BY_ID.values() if chart.group is group
            }
            for name, group in GROUPS.items()
        },
        alerts=source.alerts(),
        notes=notes,
    )


def _figure(source: Source, chart: Chart) -> float | Mapping[str, float] | None:
    if chart.by == (MACHINE,):
        values = list(_by_label(source, chart, MACHINE).values())
        if not values:
            return None
        # The sum of shares or of delays would say nothing.
        return max(values) if chart.unit in (Unit.PERCENT, Unit.SECONDS) else math.fsum(values)
    if chart.by:
        return _by_label(source, chart, chart.by[0])
    return next(iter(_by_label(source, chart, "").values()), None)


def _by_label(source: Source, chart: Chart, label: str) -> dict[str, float]:
    return {
        series.labels.get(label, ""): series.points[-1].value
        for series in source.latest(chart)
        if series.points
    }
