"""The metrics of workers, in the sample application and in the runtime of other ones."""

import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import skytier_app.metrics.workers
import skytier_runtime.workers

MODULES = [skytier_app.metrics.workers, skytier_runtime.workers]
_WRITE = """
from prometheus_client import Counter, Gauge
Counter("requests", "Requests.").inc(3)
Gauge("in_hand", "In hand.", multiprocess_mode="livesum").set(5)
Gauge("build", "Build.", multiprocess_mode="livemax").set(1)
"""


@pytest.fixture(params=MODULES, ids=["sample", "runtime"])
def workers(request: pytest.FixtureRequest) -> Any:
    return request.param.Workers


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The files of a worker that has ended."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", _WRITE], env=environment, check=True)
    return tmp_path


def text(workers: Any, directory: Path) -> str:
    registry = CollectorRegistry()
    workers(registry, str(directory))
    return generate_latest(registry).decode()


def test_what_a_worker_counted_outlives_it_and_its_gauges_do_not(
    workers: Any, directory: Path
) -> None:
    assert {each.name.rpartition("_")[0] for each in directory.iterdir()} == {
        *("counter", "gauge_livesum", "gauge_livemax")
    }
    told = text(workers, directory)
    assert "requests_total 3.0" in told
    assert "in_hand" not in told
    assert "build" not in told


@pytest.mark.parametrize("content", [b"", bytes(65_536), struct.pack("ii", 8, 0) + bytes(65_528)])
@pytest.mark.parametrize("kind", ["counter", "histogram", "gauge_livesum", "gauge_livemax"])
def test_a_worker_that_has_only_just_started_has_said_nothing(
    workers: Any, directory: Path, kind: str, content: bytes
) -> None:
    (directory / f"{kind}_1.db").write_bytes(content)
    assert "requests_total 3.0" in text(workers, directory)


def test_several_who_ask_at_once_all_get_what_was_counted(workers: Any, directory: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    told, failed = [], []

    def ask(start: threading.Barrier) -> None:
        start.wait()
        try:
            told.append(text(workers, directory))
        except OSError as error:
            failed.append(error)

    for _ in range(40):
        for mode in ("sum", "max", "min", "all"):
            (directory / f"gauge_live{mode}_{ended.pid}.db").write_bytes(b"")
        start = threading.Barrier(4)
        asking = [threading.Thread(target=ask, args=[start]) for _ in range(4)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
    assert failed == []
    assert len(told) == 160
    assert all("requests_total 3.0" in each for each in told)
