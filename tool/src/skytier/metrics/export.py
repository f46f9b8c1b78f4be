"""Figures of a time as rows, for spreadsheets and for other programs."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from skytier.charts.chart import Chart
from skytier.errors import SkytierError
from skytier.metrics.source import Source
from skytier.metrics.target import MACHINE

MOST_STEPS = 1000
SHORTEST_STEP_S = 15.0


class Row(NamedTuple):
    """One value."""

    time: datetime
    metric: str
    """The chart's id."""
    unit: str
    machine: str
    """Empty for what is about the whole stack."""
    series: str
    """What else tells it from the metric's other values: a route, a status."""
    value: float


def step(start: float, end: float) -> float:
    """The seconds between rows when nobody says: at most MOST_STEPS for a series.

    >>> step(0, 3600), step(0, 30 * 86400)
    (15.0, 2592.0)
    """
    return max(SHORTEST_STEP_S, (end - start) / MOST_STEPS)


def rows(
    source: Source, charts: Iterable[Chart], start: float, end: float, step_s: float
) -> Iterator[Row]:
    """Every value of the charts, chart by chart and in the order of time."""
    for chart in charts:
        for series in source.series(chart, start, end, step_s):
            machine = series.labels.get(MACHINE, "")
            rest = ", ".join(series.labels.get(n, "") for n in chart.by if n != MACHINE)
            for at, value in series.points:
                when = datetime.fromtimestamp(at, UTC)
                yield Row(when, chart.id, chart.unit.value, machine, rest, value)


def write_csv(file: TextIO, found: Iterable[Row]) -> int:
    """Write a header and the rows; returns how many."""
    writer, written = csv.writer(file, lineterminator="\n"), 0
    writer.writerow(Row._fields)
    for row in found:
        writer.writerow(row._replace(time=row.time.isoformat(timespec="milliseconds")))  # type: ignore[arg-type]
        written += 1
    return written


def write_parquet(path: Path, found: Sequence[Row]) -> int:
    """The same as Parquet; returns how many. Raises SkytierError where pyarrow is missing."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise SkytierError(
            "Parquet needs pyarrow, which is not installed.",
            "Install it: .venv/bin/pip install pyarrow; or take --format csv.",
        ) from None
    types = [pyarrow.timestamp("ms", tz="UTC"), *[pyarrow.string()] * 4, pyarrow.float64()]
    schema = pyarrow.schema(list(zip(Row._fields, types, strict=True)))
    columns = [list(column) for column in zip(*found, strict=True)] or [[] for _ in types]
    arrays = [pyarrow.array(column, type=kind) for column, kind in zip(columns, types, strict=True)]
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), path)
    return len(found)
