"""What a campaign found, as a table of docs/reference/reliability.md."""

from collections.abc import Mapping
from typing import Any

from bench.speed import machine
from bench.speed.pages import between

PAGE = machine.CHECKOUT / "docs/reference/reliability.md"
BEGIN = "<!-- bench/database --write -->"
AIMS_S = {"switchover": 3.0, "kill -9 of PostgreSQL": 5.0, "primary cut off from all": 25.0}
"""Seconds without writes, by how the name of a fault begins."""
HEAD = (
    "| fault | acknowledged | lost | seconds without writes | aim | seconds without reads "
    "| rejoined by itself |\n|---|---:|---:|---:|---:|---:|---|\n"
)


def write(results: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Put the results in place of those of the run before. `where` tells of the machine."""
    PAGE.write_text(between(PAGE.read_text(), BEGIN, rows(results) + f"\nMeasured on {where}.\n"))


def rows(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The table: fault to what `run.measure` returns.

    >>> found = {"acknowledged": 12449, "lost": 0, "rejoined": True}
    >>> seconds = {"seconds_without_writes": 3.6, "seconds_without_reads": 0.3}
    >>> print(rows({"switchover under load": found | seconds}).splitlines()[-1])
    | switchover under load | 12,449 | 0 | 3.6 | 3 | 0.3 | yes |
    """
    return HEAD + "".join(_row(name, found) for name, found in results.items())


def _row(name: str, found: Mapping[str, Any]) -> str:
    aim = next((f"{aim:g}" for begin, aim in AIMS_S.items() if name.startswith(begin)), "")
    cells = [
        name,
        f"{found['acknowledged']:,}",
        found["lost"],
        found["seconds_without_writes"],
        aim,
        found["seconds_without_reads"],
        "yes" if found["rejoined"] else "no",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"
