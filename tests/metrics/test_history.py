"""The history of a machine without Prometheus."""

import time
from pathlib import Path

import pytest

from skytier.charts.expression import Values
from skytier.charts.scrape import Labels
from skytier.errors import SkytierError
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.history import EVERY_S, KEPT_S, History, Writer
from skytier.services.application.charts import BUILD
from skytier.services.prometheus.charts import UP

CPU = BY_ID["cpu_percent"]
HERE: Labels = frozenset({("machine", "localhost")})


def cpu(value: float) -> dict[str, Values]:
    return {CPU.id: {HERE: value}}


def up(value: float) -> dict[str, Values]:
    return {UP.id: {frozenset({("machine", "localhost"), ("job", "application")}): value}}


def build(version: str) -> dict[str, Values]:
    return {BUILD.id: {frozenset({("version", version), ("release", version * 2)}): 1}}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    writer, now = Writer(tmp_path / "h"), int(time.time())
    for i in range(10):
        writer.write(now - 100 + 10 * i, cpu(i))

    history = History(tmp_path / "h")

    (series,) = history.series(CPU, now - 80, now - 40, EVERY_S)
    assert series.labels == {"machine": "localhost"}
    assert [point.value for point in series.points] == [2, 3, 4, 5, 6]
    (latest,) = history.latest(CPU)
    assert [point.value for point in latest.points] == [9]


def test_a_longer_step_gives_fewer_points(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "h")
    for i in range(60):
        writer.write(1_000_000_000 + 10 * i, cpu(i))

    (series,) = History(tmp_path / "h").series(CPU, 1e9, 1e9 + 600, 60)

    assert len(series.points) == 11


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "h")
    for at in (0, 10, KEPT_S, KEPT_S + 20):
        writer.write(at, cpu(at))

    (series,) = History(tmp_path / "h").series(CPU, 0, 2 * KEPT_S, 1)

    assert [point.at for point in series.points] == [KEPT_S, KEPT_S + 20]


def test_what_is_stale_says_nothing_of_now(tmp_path: Path) -> None:
    Writer(tmp_path / "h").write(time.time() - 3600, cpu(5))

    assert History(tmp_path / "h").latest(CPU) == []


def test_what_does_not_answer_is_an_alert_since_it_went_away(tmp_path: Path) -> None:
    writer, now = Writer(tmp_path / "h"), int(time.time())
    for before, value in ((40, 1), (30, 1), (20, 0), (10, 0)):
        writer.write(now - before, up(value))

    (alert,) = History(tmp_path / "h").alerts()

    assert (alert.severity, alert.machine, alert.since) == ("critical", "localhost", now - 20)
    assert "application does not answer" in alert.summary
    writer.write(now, up(1))
    assert History(tmp_path / "h").alerts() == []


def test_a_release_that_began_to_run_is_a_mark(tmp_path: Path) -> None:
    writer, now = Writer(tmp_path / "h"), int(time.time())
    for i in range(20):
        writer.write(now - 200 + 10 * i, build("1" if i < 10 else "2"))

    (mark,) = History(tmp_path / "h").releases(now - 200, now)

    assert (mark.version, mark.release, mark.at) == ("2", "22", now - 100)


def test_a_missing_or_broken_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SkytierError, match="Nothing was recorded"):
        History(tmp_path / "h").latest(CPU)
    (tmp_path / "h").write_text("no database at all, and long enough to be looked into " * 20)
    with pytest.raises(SkytierError, match="cannot be read"):
        History(tmp_path / "h").latest(CPU)
