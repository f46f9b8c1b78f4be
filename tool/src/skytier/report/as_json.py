"""A report for programs."""

import json
from dataclasses import asdict
from typing import Any

from skytier.report import sentences
from skytier.report.facts import Drawing, Facts


def as_json(facts: Facts) -> str:
    """The same figures and sentences. Times are unix seconds, amounts of money texts."""
    answer = {
        "stack": facts.name,
        "cloud": facts.cloud,
        "from": facts.start,
        "to": facts.end,
        "source": facts.source,
        "availability": {
            "sentences": sentences.availability(facts),
            "looks": facts.watch.looks,
            "well": facts.watch.well,
            "requests": round(sentences.requests(facts)),
        },
        "charts": [_chart(each) for each in facts.drawings],
        "alerts": [asdict(each) for each in facts.episodes],
        "releases": [asdict(each) for each in facts.releases],
        "cost": asdict(facts.cost) if facts.cost else None,
        "missing": list(facts.missing),
    }
    return json.dumps(answer, indent=2, default=str)


def _chart(drawing: Drawing) -> dict[str, Any]:
    chart, grid = drawing.chart, drawing.grid
    return {
        "id": chart.id,
        "title": chart.title,
        "group": str(chart.group),
        "unit": str(chart.unit),
        "sentence": sentences.drawing(drawing),
        "times": list(grid.times),
        "series": [{"name": name, "values": list(values)} for name, values in grid.lines],
    }
