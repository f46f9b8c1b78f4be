"""A real Prometheus that has a day of history of one machine."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx

from .skytier_command import free_port

HOURS = 26
EVERY_S = 60
GIB = 2**30


@contextmanager
def running(directory: Path, machine: str, end: datetime) -> Iterator[str]:
    """Its URL. For 26 hours until `end` the machine was 25% busy, with 10% of its memory and of its
    disk in use, and sent 1 MiB a second."""
    (directory / "history").write_text(_history(machine, int(end.timestamp())))
    (directory / "prometheus.yml").write_text("scrape_configs: []\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "history", "data"],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    address = f"127.0.0.1:{free_port()}"
    with subprocess.Popen(
        [
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address={address}",
        ],
        cwd=directory,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(f"http://{address}/-/ready", process)
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus ended"
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus is not ready")


def _history(machine: str, end: int) -> str:
    """The series in OpenMetrics' text."""
    times = range(end - HOURS * 3600, end + 1, EVERY_S)
    counters = {
        "node_cpu_seconds": {'cpu="0",mode="user"': 0.5, 'cpu="0",mode="idle"': 1.5},
        "node_network_transmit_bytes": {'device="eth0"': 2**20, 'device="lo"': 2**30},
    }
    gauges = {
        "node_memory_MemTotal_bytes": {"": 4 * GIB},
        "node_memory_MemAvailable_bytes": {"": 3.6 * GIB},
        "node_filesystem_size_bytes": {'mountpoint="/",': 20 * GIB},
        "node_filesystem_free_bytes": {'mountpoint="/",': 18 * GIB},
        "node_filesystem_avail_bytes": {'mountpoint="/",': 18 * GIB},
    }
    every = f'job="node",stack="shop",machine="{machine}",role="web"'
    lines = []
    for name, series in counters.items():
        lines.append(f"# TYPE {name} counter")
        for labels, each_second in series.items():
            total = f"{name}_total{{{every},{labels}}}"
            lines += [f"{total} {each_second * (at - times[0])} {at}" for at in times]
    for name, series in gauges.items():
        lines.append(f"# TYPE {name} gauge")
        for labels, value in series.items():
            lines += [f"{name}{{{labels}{every}}} {value} {at}" for at in times]
    return "\n".join([*lines, "# EOF", ""])
