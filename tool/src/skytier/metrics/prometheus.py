"""Figures from a Prometheus, by its HTTP API."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from skytier.charts.chart import Chart, Group
from skytier.charts.expression import INTERVAL
from skytier.errors import SkytierError
from skytier.metrics.live import begun
from skytier.metrics.source import Alert, Mark, Point, Series
from skytier.services.application.charts import BUILD

TIMEOUT_S = 20.0
SHORTEST_RATE_S, OF_POSTGRESQL_S = 15, 45
"""Three scrapes, so that a rate goes on when one is missed. PostgreSQL is asked less often."""
MOST_POINTS = 11_000
"""Prometheus refuses a series with more."""
_SEVERITIES = ("critical", "warning")


class Prometheus:
    """A Prometheus at a URL such as `http://127.0.0.1:9090`."""

    name = "Prometheus"

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        # What is on this machine, or behind a tunnel, is not to be sought through a proxy.
        self._client = httpx.Client(
            base_url=url, timeout=TIMEOUT_S, trust_env=False, transport=transport
        )

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        """Raises SkytierError when it cannot be asked, or the step is too small for the time."""
        if (end - start) / step_s > MOST_POINTS:
            raise SkytierError(
                f"{(end - start) / step_s:.0f} points are more than Prometheus returns at once.",
                "Choose a shorter time, or a longer step.",
            )
        found = self._ask(
            "query_range", query=_query(chart, step_s), start=start, end=end, step=step_s
        )
        return [
            Series(each["metric"], _points(each["values"]))
            for each in found["result"]
            if _points(each["values"])
        ]

    def latest(self, chart: Chart) -> list[Series]:
        """The newest point of each series, at most five minutes old."""
        found = self._ask("query", query=_query(chart, 0))
        return [
            Series(each["metric"], _points([each["value"]]))
            for each in found["result"]
            if _points([each["value"]])
        ]

    def alerts(self) -> list[Alert]:
        """What fires now, the worst first, and then what waits for its time to be over."""
        found = [_alert(each) for each in self._ask("alerts")["alerts"]]
        return sorted(
            found, key=lambda alert: (alert.state != "firing", _rank(alert.severity), alert.since)
        )

    def releases(self, start: float, end: float) -> list[Mark]:
        """From the build information that the application gives."""
        step_s = max((end - start) / MOST_POINTS, 15)
        # What ran when the time began was not released within it.
        return begun(self.series(BUILD, start, end, step_s), start + step_s)

    def _ask(self, what: str, **parameters: Any) -> Any:
        try:
            answer = self._client.get(f"/api/v1/{what}", params=parameters)
        except httpx.HTTPError as error:
            raise SkytierError(
                f"Prometheus at {self._url} does not answer: {error or type(error).__name__}.",
                "See whether it runs: skytier status",
            ) from error
        try:
            said = answer.json()
        except ValueError as error:
            raise SkytierError(
                f"What answers at {self._url} is not Prometheus (HTTP {answer.status_code}).",
                "See which program has that port.",
            ) from error
        if not isinstance(said, dict) or said.get("status") != "success":
            reason = said.get("error") if isinstance(said, dict) else said
            raise SkytierError(
                f"Prometheus refused the query (HTTP {answer.status_code}): {reason}.",
                "Please report this.",
            )
        return said["data"]


def _query(chart: Chart, step_s: float) -> str:
    shortest = OF_POSTGRESQL_S if chart.group is Group.POSTGRESQL else SHORTEST_RATE_S
    return chart.query.replace(INTERVAL, f"{max(int(step_s), shortest)}s")


def _points(values: list[tuple[float, str]]) -> list[Point]:
    points = [Point(float(at), float(value)) for at, value in values]
    # A share of nothing is NaN there.
    return [point for point in points if abs(point.value) < float("inf")]


def _alert(found: Mapping[str, Any]) -> Alert:
    labels, annotations = found["labels"], found["annotations"]
    return Alert(
        state=found["state"],
        name=labels["alertname"],
        severity=labels.get("severity", "warning"),
        machine=labels.get("machine", ""),
        summary=annotations.get("summary", labels["alertname"]),
        description=annotations.get("description", ""),
        since=_unix(found.get("activeAt")),
    )


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _unix(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else time.time()
