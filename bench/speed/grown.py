"""How it grows, as figures for docs/decisions/growth.json and as tables."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from bench.speed import growth, machine
from bench.speed.growth import Step
from bench.speed.report import markdown
from bench.speed.results import Result

WORKERS = (1, 2, 4)
SIZES = (10_000, 100_000, 1_000_000)
OPEN = (100, 1_000, 10_000)
MILLION = 1_000_000
POSTS = 100_000
TITLES = {
    "workers": "Workers of the application: requests a second, and 99% within ms",
    "posts": "Posts in the table, one worker: requests a second, and 99% within ms",
    "connections": "Idle connections at Nginx, while 32 others ask for one post",
    "memory": "What a worker holds while it answers",
}
"""Everything that grows, in words."""
HEADS = {"rps": "requests a second", "p99_ms": "99% within ms", "mib": "MiB"}

Document = Mapping[str, Any]
"""For each kind: `date`, `machine`, `noise`, and `rows`, which differ in form."""


def measured(kind: str, *, ten_million: bool = False) -> Document:
    """Measure one kind now."""
    noise = None
    if kind in ("workers", "posts"):
        sizes = (*SIZES, 10 * MILLION) if ten_million else SIZES
        steps = [
            *(
                growth.with_workers(WORKERS, POSTS)
                if kind == "workers"
                else growth.with_posts(sizes)
            )
        ]
        noise = statistics.median(step.result.spread for step in steps)
        rows = [*_by_size(kind, steps)]
    elif kind == "connections":
        found = [*growth.with_open_connections(OPEN, POSTS)]
        noise = statistics.median(step.result.spread for step in found)
        rows = [{"opened": s.size, "held": s.held, **_figures(s.result)} for s in found]
    else:
        rows = [
            {"requests": sent, "mib": round(mib, 1)}
            for sent, mib in growth.with_time(MILLION, POSTS)
        ]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine.description(),
        "noise": None if noise is None else round(noise, 3),
        "rows": rows,
    }


def _by_size(kind: str, steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    ordered = sorted(steps, key=lambda step: step.size)  # stable: the work stays in its order
    for size, of_size in groupby(ordered, key=lambda step: step.size):
        yield {kind: size, **{step.work: _figures(step.result) for step in of_size}}


def _figures(result: Result) -> dict[str, Any]:
    return {
        "rps": round(result.rps),
        "p50_ms": round(result.p50_ms, 2),
        "p99_ms": round(result.p99_ms, 2),
        "cpu_ms": None if result.cpu_ms is None else round(result.cpu_ms, 4),
        "failed": result.failed,
    }


def tables(document: Document) -> str:
    """All that was measured, each with its date and its noise."""
    parts: list[str] = []
    for kind, title in TITLES.items():
        if found := document.get(kind):
            noise = found["noise"]
            spread = "" if noise is None else f"; rounds lie {noise:.0%} apart"
            parts += [f"{title} ({found['date']}{spread}):", _table(kind, found["rows"])]
    return "\n\n".join(parts)


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name, value in rows[0].items() if not isinstance(value, dict)]
    shown = [name for name in names if name not in ("p50_ms", "cpu_ms")]
    works = [name for name in rows[0] if name not in names]
    return markdown(
        [*(HEADS.get(name, name) for name in shown), *works],
        [
            [
                *(f"{row[name]:,}" for name in shown),
                *(f"{row[work]['rps']:.0f} · {row[work]['p99_ms']:.1f}" for work in works),
            ]
            for row in rows
        ],
    )
