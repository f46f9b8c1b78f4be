"""Alerts that fire, and those that wait to see whether they last."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from skytier.metrics.chart import Chart, Group, Unit
from skytier.metrics.expression import total
from skytier.metrics.source import Source

# Prometheus keeps the state of its alerts as a metric of its own.
_PENDING = Chart(
    "alerts_pending",
    "Alerts that wait",
    Group.MACHINES,
    Unit.COUNT,
    total("ALERTS", ("alertname", "severity", "machine"), {"alertstate": "pending"}),
)


@dataclass(frozen=True)
class Current:
    """An alert as it is now. `state` is firing or pending; `since` is None where nobody knows."""

    state: str
    name: str
    severity: str
    machine: str
    summary: str
    description: str
    since: float | None


def current(source: Source) -> list[Current]:
    """Those that fire first, the worst before others. Raises SkytierError."""
    firing = [Current("firing", **asdict(alert)) for alert in source.alerts()]
    return firing + [_pending(series.labels) for series in source.latest(_PENDING)]


def _pending(labels: Mapping[str, str]) -> Current:
    name, machine = labels.get("alertname", ""), labels.get("machine", "")
    summary = f"{name} on {machine}" if machine else name
    description = "Nothing yet: it fires if it lasts."
    severity = labels.get("severity", "warning")
    return Current("pending", name, severity, machine, summary, description, None)
