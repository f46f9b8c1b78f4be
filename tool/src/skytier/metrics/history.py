"""The history of a machine without Prometheus: an SQLite file that does not grow without end."""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from skytier.charts.chart import Chart
from skytier.charts.expression import Values
from skytier.errors import SkytierError
from skytier.metrics.live import begun, down
from skytier.metrics.source import Alert, Mark, Point, Series
from skytier.services.application.charts import BUILD
from skytier.services.prometheus.charts import UP

EVERY_S = 10
KEPT_S = 24 * 3600
"""A day takes about 15 MB."""
FRESH_S = 6 * EVERY_S
"""What is older says nothing of now."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, chart TEXT NOT NULL, labels TEXT NOT NULL, UNIQUE (chart, labels)
);
CREATE TABLE IF NOT EXISTS points (
    series INTEGER NOT NULL REFERENCES series (id), at INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (series, at)
) WITHOUT ROWID;
"""
_SELECT = """
SELECT labels, at, value FROM points JOIN series ON series.id = series
WHERE chart = ? AND at BETWEEN ? AND ? ORDER BY series, at
"""


class History:
    """What the recorder has written. It may be read while it is written."""

    name = "the history of this machine"

    def __init__(self, path: Path) -> None:
        self._path = path

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        """As it was recorded every EVERY_S; for a longer step the last point of each."""
        lines: dict[str, list[Point]] = {}
        with self._opened() as database:
            for labels, at, value in database.execute(_SELECT, (chart.id, start, end)):
                points = lines.setdefault(labels, [])
                if points and step_s > EVERY_S and at // step_s == points[-1].at // step_s:
                    points.pop()
                points.append(Point(float(at), value))
        return [Series(json.loads(labels), points) for labels, points in lines.items()]

    def latest(self, chart: Chart) -> list[Series]:
        """The newest point of each series, if it is fresh."""
        now = time.time()
        found = self.series(chart, now - FRESH_S, now, EVERY_S)
        return [Series(series.labels, series.points[-1:]) for series in found]

    def alerts(self) -> list[Alert]:
        """What does not answer: there are no other rules without a Prometheus."""
        now = time.time()
        fresh = {tuple(sorted(series.labels.items())) for series in self.latest(UP)}
        recorded = self.series(UP, now - KEPT_S, now, EVERY_S)
        return down([each for each in recorded if tuple(sorted(each.labels.items())) in fresh])

    def releases(self, start: float, end: float) -> list[Mark]:
        """The releases that began to run within this time."""
        return begun(self.series(BUILD, start, end, EVERY_S), start + 2 * EVERY_S)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise SkytierError(
                "Nothing was recorded on this machine yet.",
                "Monitoring begins with skytier up. See whether it runs: skytier status",
            )
        try:
            # As a URI the path may have characters that mean something there, such as # and %.
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as database:
                yield database
        except sqlite3.Error as error:
            raise SkytierError(
                f"The history {self._path} cannot be read: {error}.",
                "Move it away, and run skytier up: a new one begins.",
            ) from error


class Writer:
    """The one that writes a history."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        # Readers do not wait for the writer. A power cut may cost the last seconds, and no more.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._ids: dict[tuple[str, str], int] = {}

    def write(self, at: float, figures: Mapping[str, Values]) -> None:
        """Add the figures of a moment, and drop what is older than KEPT_S before it."""
        rows = [
            (self._id(chart, json.dumps(dict(sorted(labels)))), int(at), value)
            for chart, values in figures.items()
            for labels, value in values.items()
        ]
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?)", rows)
        for series in self._ids.values():
            self._database.execute(
                "DELETE FROM points WHERE series = ? AND at < ?", (series, int(at) - KEPT_S)
            )
        self._database.execute("COMMIT")

    def _id(self, chart: str, labels: str) -> int:
        if (chart, labels) not in self._ids:
            self._database.execute(
                "INSERT OR IGNORE INTO series (chart, labels) VALUES (?, ?)", (chart, labels)
            )
            row = self._database.execute(
                "SELECT id FROM series WHERE chart = ? AND labels = ?", (chart, labels)
            ).fetchone()
            self._ids[chart, labels] = row[0]
        return self._ids[chart, labels]
