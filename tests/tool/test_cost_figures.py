"""Figures for advice and bills, from a real Prometheus that has a day of history."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from skytier.cloud import load
from skytier.cloud.usages import traffic
from skytier.cloud.usages.collected import Window
from skytier.costs.usage import Kind, Usage
from skytier.metrics.prometheus import Prometheus

from ..skytier_command import free_port

HOURS = 26
EVERY_S = 60
GIB = 2**30
LABELS = 'job="node",stack="shop",machine="shop-web-1",role="web"'


@pytest.fixture(scope="module")
def end() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, end: datetime) -> Iterator[Prometheus]:
    """25% of two vCPUs busy, 1 of 4 GiB in use, 1 MiB a second sent, for 26 hours until `end`."""
    if not shutil.which("promtool"):
        pytest.skip("needs Prometheus")
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "history").write_text(history(int(end.timestamp())))
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
            yield Prometheus(f"http://{address}")
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


def history(end: int) -> str:
    """The series in OpenMetrics' text."""
    times = range(end - HOURS * 3600, end + 1, EVERY_S)
    counters = {
        f'node_cpu_seconds{{{LABELS},cpu="0",mode="user"}}': 0.5,
        f'node_cpu_seconds{{{LABELS},cpu="0",mode="idle"}}': 1.5,
        f'node_network_transmit_bytes{{{LABELS},device="eth0"}}': 2**20,
        f'node_network_transmit_bytes{{{LABELS},device="lo"}}': 2**30,
    }
    gauges = {
        f"node_memory_MemTotal_bytes{{{LABELS}}}": 4 * GIB,
        f"node_memory_MemAvailable_bytes{{{LABELS}}}": 3 * GIB,
    }
    lines, told = [], set()
    for series, each_second in counters.items():
        name = series.partition("{")[0]
        if name not in told:
            lines.append(f"# TYPE {name} counter")
            told.add(name)
        total = series.replace("{", "_total{", 1)
        lines += [f"{total} {each_second * (at - times[0])} {at}" for at in times]
    for series, value in gauges.items():
        lines.append(f"# TYPE {series.partition('{')[0]} gauge")
        lines += [f"{series} {value} {at}" for at in times]
    return "\n".join([*lines, "# EOF", ""])


def test_a_machines_figures_are_those_of_its_time(source: Prometheus, end: datetime) -> None:
    stop = end.timestamp()
    start = (end - timedelta(hours=24)).timestamp()

    cpu, memory, disk = (load.by_machine(source, name, start, stop) for name in load.FIGURES)

    assert {round(point.value, 6) for point in cpu["shop-web-1"]} == {25.0}
    assert {point.value for point in memory["shop-web-1"]} == {25.0}
    assert len(cpu["shop-web-1"]) == 24 * 3600 / load.STEP_S + 1
    assert disk == {}


def test_what_a_public_machine_sent_is_its_traffic(source: Prometheus, end: datetime) -> None:
    window = Window(end - timedelta(hours=24), end)
    public = Usage(
        kind=Kind.FLOATING_IP,
        id="1",
        name="shop-web-1",
        stack="shop",
        role="web",
        labels={"team": "web"},
        start=window.start,
        end=window.end,
    )

    found = traffic.sent(source, [public], window)

    # 24 hours of 1 MiB a second, without what went to the machine itself
    assert sum(each.bytes_out for each in found.usages) == pytest.approx(
        24 * 3600 * 2**20, rel=1e-3
    )
    assert {(u.kind, u.stack, u.role) for u in found.usages} == {(Kind.TRAFFIC, "shop", "web")}
    assert found.usages[0].labels == {"team": "web"}
    assert found.notes == [traffic.NOTE]
    assert traffic.sent(source, [], window).usages == []
