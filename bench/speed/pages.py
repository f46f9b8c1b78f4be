"""The results in docs/: the figures, the picture, and the tables of docs/speed.md."""

import json
from collections.abc import Mapping
from typing import Any

from bench.speed import chart, machine
from bench.speed.results import Key, Result

DOCS = machine.CHECKOUT / "docs"
BEGIN, END = "<!-- bench/run --write -->", "<!-- the end of what it wrote -->"


def write(found: Mapping[Key, Result], document: Mapping[str, Any], tables: str) -> None:
    """Put the results of a run in place of those of the one before."""
    (DOCS / "speed.json").write_text(json.dumps(document, indent=1) + "\n")
    chart.draw(found, DOCS / "speed.svg")
    page = DOCS / "speed.md"
    page.write_text(between(page.read_text(), tables))


def between(page: str, text: str) -> str:
    """The page with `text` between the two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
