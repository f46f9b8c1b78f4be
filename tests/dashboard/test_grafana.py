"""Grafana's dashboards: the same charts, as they are committed."""

import json
from pathlib import Path

import httpx
import pytest

from skytier import grafana
from skytier.local.home import Home
from skytier.local.monitor import ports
from skytier.metrics.catalogue import CHARTS
from tests.skytier_command import Skytier

COMMITTED = Path(__file__).parents[2] / "docs/grafana"
DASHBOARDS = {name: json.loads(text) for name, text in grafana.dashboards().items()}


def test_what_is_committed_is_what_is_generated() -> None:
    """If not: scripts/grafana makes them anew."""
    committed = {path.name: path.read_text() for path in COMMITTED.glob("*.json")}
    assert committed == grafana.dashboards()


def test_every_chart_has_its_panel() -> None:
    panels = [panel for each in DASHBOARDS.values() for panel in each["panels"]]
    assert [panel["title"] for panel in panels] == [chart.title for chart in CHARTS]
    assert len({each["uid"] for each in DASHBOARDS.values()}) == len(DASHBOARDS)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_real_prometheus_takes_every_query(stack: Skytier, name: str) -> None:
    url = f"http://{ports.address(Home(stack.home), 'prometheus')}/api/v1/query"
    panels = [target["expr"] for each in DASHBOARDS[name]["panels"] for target in each["targets"]]
    marks = [each["expr"] for each in DASHBOARDS[name]["annotations"]["list"]]
    for query in [*panels, *marks]:
        answer = httpx.get(url, params={"query": query.replace("$__rate_interval", "1m")})
        assert answer.json()["status"] == "success", query
