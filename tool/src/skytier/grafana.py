"""Dashboards for Grafana, of the same charts: `python -m skytier.grafana DIRECTORY`."""

import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from skytier.charts.chart import Chart, Group, Unit
from skytier.metrics.catalogue import CHARTS

_UNITS = {
    Unit.PERCENT: "percent",
    Unit.BYTES: "bytes",
    Unit.BYTES_PER_S: "binBps",
    Unit.SECONDS: "s",
    Unit.PER_S: "suffix:/s",
    Unit.COUNT: "short",
    Unit.MONEY: "suffix: a month",
}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8
_RELEASES = "count by (version, release) (skytier_build_info)"


def dashboards() -> dict[str, str]:
    """File name to JSON: one dashboard for each group of the catalogue."""
    groups = groupby(CHARTS, key=lambda chart: chart.group)
    return {
        f"{group.lower()}.json": json.dumps(_dashboard(group, charts), indent=2) + "\n"
        for group, charts in groups
    }


def _dashboard(group: Group, charts: Iterable[Chart]) -> dict[str, Any]:
    return {
        "uid": f"skytier-{group.lower()}",
        "title": f"Skytier: {group}",
        "tags": ["skytier"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource()]},
        "annotations": {"list": [_releases(), _alerts()]},
        "links": [
            {
                "type": "dashboards",
                "title": "Skytier",
                "tags": ["skytier"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": [_panel(place, chart) for place, chart in enumerate(charts)],
    }


def _panel(place: int, chart: Chart) -> dict[str, Any]:
    legend = " ".join(f"{{{{{label}}}}}" for label in chart.by) or chart.title
    defaults: dict[str, Any] = {
        "unit": _UNITS[chart.unit],
        "min": 0,
        "custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never"},
    }
    if chart.unit is Unit.PERCENT:
        defaults["max"] = 100
    row, column = divmod(place, _COLUMNS)
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": chart.title,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "targets": [
            {"refId": "A", "datasource": _SOURCE, "expr": chart.query, "legendFormat": legend}
        ],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}


def _releases() -> dict[str, Any]:
    """Marks where a release is there that was not a minute before."""
    return {
        "name": "Releases",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"{_RELEASES} unless {_RELEASES.replace('info)', 'info offset 1m)')}",
        "step": "60s",
        "titleFormat": "Release {{release}}",
    }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing"}',
        "step": "60s",
        "titleFormat": "{{alertname}} {{machine}}",
    }


if __name__ == "__main__":
    for name, text in dashboards().items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
