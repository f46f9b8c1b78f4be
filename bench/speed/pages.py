"""The results in docs/decisions/: the figures, the picture, and the tables of speed.md."""

import json
from collections.abc import Mapping
from typing import Any

from bench.speed import chart, grown, machine
from bench.speed.results import Key, Result

DOCS = machine.CHECKOUT / "docs/decisions"
RUN = "<!-- bench/run --write -->"
GROW = "<!-- bench/grow --write -->"
END = "<!-- the end of what it wrote -->"


def write(found: Mapping[Key, Result], document: Mapping[str, Any], tables: str) -> None:
    """Put the results of a run in place of those of the one before."""
    (DOCS / "speed.json").write_text(json.dumps(document, indent=1) + "\n")
    chart.draw(found, DOCS / "speed.svg")
    _put(RUN, tables)


def write_growth(found: Mapping[str, Any]) -> None:
    """Put what was measured of how it grows beside what is there of the rest."""
    path = DOCS / "growth.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    document.update(found)
    path.write_text(json.dumps(document, indent=1) + "\n")
    _put(GROW, grown.tables(document))


def _put(begin: str, text: str) -> None:
    page = DOCS / "speed.md"
    page.write_text(between(page.read_text(), begin, text))


def between(page: str, begin: str, text: str) -> str:
    """The page with `text` between a mark and the next END."""
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(END)
    return f"{before}{begin}\n\n{text}\n\n{END}{after}"
