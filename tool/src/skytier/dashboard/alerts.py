"""Alerts that fire, and those that wait to see whether they last."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from skytier.metrics.catalogue import PENDING
from skytier.metrics.source import Source


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
    return firing + [_pending(series.labels) for series in source.latest(PENDING)]


def _pending(labels: Mapping[str, str]) -> Current:
    name, machine = labels.get("alertname", ""), labels.get("machine", "")
    summary = f"{name} on {machine}" if machine else name
    description = "Nothing yet: it fires if it lasts."
    severity = labels.get("severity", "warning")
    return Current("pending", name, severity, machine, summary, description, None)
