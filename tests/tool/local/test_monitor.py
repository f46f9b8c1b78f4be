"""MonitoringConfig on this machine, with the real Prometheus, Alertmanager and exporters."""

import csv
import http.server
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from skytier.local.home import Home
from skytier.local.monitor import ports
from skytier.local.stack import LocalStack
from skytier.metrics.catalogue import CHARTS
from skytier.metrics.live import Live
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Alert
from skytier.metrics.target import THIS_MACHINE, at
from skytier.poll import until
from skytier.services.prometheus.charts import UP
from tests.background_server import running
from tests.haste import LOOKS, WAITS, hurry
from tests.skytier_command import PROGRAM, Skytier, free_port

JOBS = {"node", "postgres", "nginx", "application", "prometheus", "alertmanager"}
NODE = {"job": "node", "stack": "local", "machine": "localhost", "role": "all"}


def address(skytier: Skytier, part: str) -> str:
    return f"http://{ports.address(Home(skytier.home), part)}"


def part_pid(skytier: Skytier, part: str) -> int | None:
    return LocalStack(Home(skytier.home)).monitor.states()[part].pid


def top(skytier: Skytier) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(skytier.run("top", "--once", "--json"))
    return answer


def test_prometheus_scrapes_every_target(stack: Skytier) -> None:
    url = f"{address(stack, 'prometheus')}/api/v1/targets"

    def health() -> dict[str, str]:
        targets = httpx.get(url).json()["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    assert until(lambda: set(health().values()) == {"up"}, 300, 1), httpx.get(url).text
    assert health().keys() == JOBS
    for target in httpx.get(url).json()["data"]["activeTargets"]:
        assert {name: target["labels"][name] for name in ("stack", "machine", "role")} == {
            name: NODE[name] for name in ("stack", "machine", "role")
        }


def test_every_figure_of_the_stack_is_known(stack: Skytier) -> None:
    prometheus = Prometheus(address(stack, "prometheus"))
    # There is no Redis, no replica, no balancer and no price on this machine.
    absent = ("redis_", "replication_", "balancer_", "cost_")
    expected = {chart.id for chart in CHARTS if not chart.id.startswith(absent)}

    def unknown() -> set[str]:
        httpx.get(f"{stack.url()}/")
        wrong = {"username": "nobody", "password": "not a password"}
        httpx.post(f"{stack.url()}/api/sessions", json=wrong)
        return expected - {chart.id for chart in CHARTS if prometheus.latest(chart)}

    assert until(lambda: not unknown(), 300, 2), unknown()
    now = time.time()
    for chart in CHARTS:  # also those without data are good PromQL
        prometheus.series(chart, now - 300, now, 15)


def test_top_says_what_scripts_need(stack: Skytier) -> None:
    assert until(lambda: top(stack)["application"]["requests_per_s"], 300, 1)

    said = top(stack)

    assert (said["stack"], said["cloud"], said["source"]) == ("local", None, "Prometheus")
    (machine,) = said["machines"]
    assert (machine["name"], machine["role"]) == ("localhost", "all")
    for name in ("cpu_percent", "memory_percent", "disk_percent"):
        assert 0 <= machine[name] <= 100
    for name in ("network_rx_bytes_per_s", "network_tx_bytes_per_s", "load_1m"):
        assert machine[name] >= 0
    application = said["application"]
    assert application["latency_p50_s"] <= application["latency_p99_s"]
    assert application["pool_connections"]["max"] > 0
    assert said["database"]["database_connections"] >= 1
    assert said["notes"] == []
    shown = stack.run("top", "--once")
    assert "localhost" in shown
    assert "Latency, median" in shown


def test_memory_and_disk_in_top_agree_with_the_kernel_within_5_percent(stack: Skytier) -> None:
    def agrees() -> bool:
        (machine,) = top(stack)["machines"]
        memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
        used = 100 * (1 - memory.available / memory.total)
        return (
            machine["memory_percent"] == pytest.approx(used, rel=0.05)
            and machine["disk_percent"] == pytest.approx(disk.percent, rel=0.05)
        )  # fmt: skip

    # What others start and end on this machine shows some seconds later.
    assert until(agrees, 300, 1)


@pytest.fixture
def stand_in() -> Iterator[str]:
    """The address of our own exporter, as it runs where there is a Prometheus and no other."""
    port = free_port()
    command = [sys.executable, "-m", "skytier.metrics.machine", str(port)]
    with subprocess.Popen(command) as popen:
        yield f"http://127.0.0.1:{port}"
        popen.terminate()


@pytest.mark.parametrize("source", ["node exporter", "stand-in", "psutil"])
def test_figures_agree_with_proc_within_5_percent(
    shared: Skytier, stand_in: str, source: str
) -> None:
    where = {
        "node exporter": address(shared, "node"),
        "stand-in": stand_in,
        "psutil": THIS_MACHINE,
    }[source]
    live = Live(lambda: [at(where, NODE)])
    # Prometheus names the collectors of the node exporter that it wants.
    assert until(lambda: live.look()[1]["load_1m"], 300)
    if source != "psutil":
        assert httpx.get(f"{where}/metrics?collect[]=cpu").status_code == 200

    def proc() -> tuple[list[int], int, int, float]:
        times = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        rx = tx = 0
        for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
            name, _, rest = line.partition(":")
            if name.strip() != "lo":
                rx, tx = rx + int(rest.split()[0]), tx + int(rest.split()[8])
        return times, rx, tx, time.monotonic()

    def agrees() -> bool:
        live.look()
        before = proc()
        time.sleep(3)
        _, figures = live.look()
        after = proc()

        ticks = [new - old for new, old in zip(after[0], before[0], strict=True)]
        busy = 100 * (1 - (ticks[3] + ticks[4]) / sum(ticks))
        (cpu,) = figures["cpu_percent"].values()
        (received,) = figures["network_rx_bytes_per_s"].values()
        seconds = after[3] - before[3]
        assert figures["disk_percent"].keys() == figures["memory_percent"].keys()
        return abs(cpu - busy) <= 5 and bool(
            received == pytest.approx((after[1] - before[1]) / seconds, rel=0.05, abs=2000)
        )

    # Two look one after the other, and what others do on this machine changes in between.
    assert until(agrees, 120)


def test_burnt_cpu_shows_in_top(stack: Skytier) -> None:
    cores = psutil.cpu_count() or 1
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as burner:
        try:
            seen = until(
                lambda: (top(stack)["machines"][0]["cpu_percent"] or 0) >= 60 / cores, timeout_s=120
            )
        finally:
            burner.kill()
    assert seen


class Webhook:
    """Takes what Alertmanager posts."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        taken = self.alerts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def states(self, name: str) -> set[str]:
        return {each["status"] for each in self.alerts if each["labels"]["alertname"] == name}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    with running(hook.server):
        yield hook


def test_a_stopped_application_is_an_alert_until_it_is_back(
    stack: Skytier, webhook: Webhook
) -> None:
    stack.run("up", "--alerts-to", webhook.url)
    hurry(stack, LOOKS)
    prometheus = Prometheus(address(stack, "prometheus"))
    name = "ApplicationDown"

    def answers(value: float) -> bool:
        return any(
            each.labels["job"] == "application" and each.points[0].value == value
            for each in prometheus.latest(UP)
        )

    assert until(lambda: answers(1), 300, 0.5)
    stopped = time.time()
    LocalStack(Home(stack.home)).application.stop()

    def found() -> Alert | None:
        return next((each for each in prometheus.alerts() if each.name == name), None)

    waiting = until(found, 300, 0.2)
    assert waiting, "nothing waits"
    assert (waiting.state, waiting.severity) == ("pending", "critical")
    assert waiting.summary == "localhost: the application does not answer"
    assert waiting.since >= stopped - 5, "the times of Prometheus and of the test"
    assert f"pending: {waiting.summary}  for 0:" in stack.run("top", "--once")

    hurry(stack, WAITS)
    assert until(lambda: "firing" in webhook.states(name), 300, 0.5), prometheus.alerts()
    (alert,) = [each for each in top(stack)["alerts"] if each["name"] == name]
    assert (alert["state"], alert["machine"]) == ("firing", "localhost")
    assert f"critical: {waiting.summary}  for 0:" in stack.run("top", "--once")

    stack.run("up")

    assert until(lambda: "resolved" in webhook.states(name), 300, 0.5), prometheus.alerts()
    assert name not in [each["name"] for each in top(stack)["alerts"]]
    stack.run("up", "--alerts-to", "none")
    assert webhook.url not in (stack.home / "etc" / "alertmanager.yml").read_text()


def test_the_figures_of_a_time_are_exported(stack: Skytier, tmp_path: Path) -> None:
    from pyarrow import parquet

    assert until(lambda: top(stack)["application"]["requests_per_s"], 300, 1)

    said = stack.run("metrics", "export", "--from", "-10m", "--metric", "cpu_percent")
    rows = list(csv.DictReader(io.StringIO(said)))
    assert rows
    assert {(row["metric"], row["unit"], row["machine"]) for row in rows} == {
        ("cpu_percent", "%", "localhost")
    }
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)

    path = tmp_path / "all.parquet"
    assert "rows in" in stack.run(
        "metrics", "export", "--from", "-10m", "--format", "parquet", "--output", str(path)
    )
    table = parquet.read_table(path)
    assert table.column_names == ["time", "metric", "unit", "machine", "series", "value"]
    assert {"cpu_percent", "requests_per_s"} <= set(table["metric"].to_pylist())


def test_a_redis_is_watched_while_there_is_one(stack: Skytier, tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    command = ["redis-server", "--port", "0", "--save", "", "--unixsocket", str(socket)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as redis:
        assert until(socket.exists, 300)
        stack.run("up", "--redis", f"unix://{socket}")

        assert until(lambda: top(stack)["redis"]["redis_clients"], 300, 1)

        stack.run("up", "--redis", "none")
        redis.terminate()
    assert part_pid(stack, "redis") is None


def test_an_exporter_that_is_killed_is_healed_alone(stack: Skytier) -> None:
    killed, kept = part_pid(stack, "node"), part_pid(stack, "prometheus")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: part_pid(stack, "node") is None, 300)

    assert stack.ends_with(3, "status").count("stopped") == 1
    assert "node is missing" in stack.run("up")

    assert part_pid(stack, "node") not in (None, killed)
    assert part_pid(stack, "prometheus") == kept


def test_top_goes_on_by_the_exporters_when_prometheus_is_gone(stack: Skytier) -> None:
    pid = part_pid(stack, "prometheus")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: part_pid(stack, "prometheus") is None, 300)

    said = top(stack)

    assert said["source"] == "exporters"
    assert said["notes"] == ["Prometheus does not run: skytier up starts it."]
    assert said["machines"][0]["cpu_percent"] is not None
    assert said["application"]["pool_connections"]["max"] > 0
    assert httpx.get(f"{stack.url()}/health").status_code == 200, "the application goes on"


def test_a_stack_is_not_watched_when_nobody_wants_it(stack: Skytier) -> None:
    stack.run("up", "--no-monitor")

    assert stack.pids()["monitor"] is None
    services = {s["name"] for machine in stack.status()["machines"] for s in machine["services"]}
    assert services == {"application", "nginx", "postgresql"}
    assert "Nothing to do" in stack.run("up"), "the wish is remembered"
    assert top(stack)["machines"][0]["memory_percent"] > 0

    assert "monitor     started" in stack.run("up", "--monitor")
    assert stack.status()["healthy"]


def test_a_monitor_that_does_not_start_keeps_nobody_from_the_application(
    stack: Skytier, tmp_path: Path
) -> None:
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 1\n")
    broken.chmod(0o755)

    said = stack.run("up", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    assert "The stack runs without its monitor: prometheus" in said
    assert "no space left" in said
    assert httpx.get(f"{stack.url()}/health").status_code == 200


PROMETHEUS, EXPORTER = (
    shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    for name in ("prometheus", "prometheus-node-exporter")
)
# In a mount namespace of its own, where the programs are covered by something that does not run.
HIDE = (
    f"mount --bind /dev/null {PROMETHEUS} && mount --bind /dev/null {EXPORTER}"
    if PROMETHEUS and EXPORTER
    else "true"
)
HIDDEN = ["unshare", "--mount", "sh", "-c", f'{HIDE} && exec "$@"', "sh"]
MAY_HIDE = subprocess.run([*HIDDEN, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not MAY_HIDE, reason="programs can be hidden by root only (mount namespaces)")
def test_without_prometheus_there_is_a_small_history(fresh: Skytier) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*HIDDEN, str(PROGRAM), *arguments],
            env=fresh.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    said = run("up", f"--port={free_port()}", "--workers=1")

    assert "a history of this machine, for there is no Prometheus" in said
    assert part_pid(fresh, "node") is None
    assert json.loads(run("top", "--once", "--json"))["source"] == "exporters"

    def recorded() -> set[str]:
        rows = csv.DictReader(io.StringIO(run("metrics", "export", "--from", "-1h")))
        return {row["metric"] for row in rows}

    wanted = {"cpu_percent", "memory_percent", "requests_per_s", "pool_connections"}
    assert until(lambda: wanted <= recorded(), 300, 1), recorded()

    pid = part_pid(fresh, "recorder")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: part_pid(fresh, "recorder") is None, 300)
    assert "monitor     " in run("up")
    assert part_pid(fresh, "recorder") not in (None, pid)
    fresh.run("down", "--purge", "--yes")
    assert not fresh.home.exists()


def test_wrong_wishes_are_refused(fresh: Skytier, tmp_path: Path) -> None:
    refused: dict[str, Callable[[], str]] = {
        "begins with https://": lambda: fresh.ends_with(64, "up", "--alerts-to", "mailto:me"),
        "Did you mean cpu_percent?": lambda: fresh.ends_with(
            64, "metrics", "export", "--metric", "cpu_procent"
        ),
        "Parquet goes into a file": lambda: fresh.ends_with(
            64, "metrics", "export", "--format", "parquet"
        ),
        "'yesterday' is not a time": lambda: fresh.ends_with(
            1, "metrics", "export", "--from", "yesterday"
        ),
        "ends before it begins": lambda: fresh.ends_with(
            1, "metrics", "export", "--from", "now", "--to", "-1h"
        ),
        "Nothing was measured on this machine yet": lambda: fresh.ends_with(1, "metrics", "export"),
        "--every": lambda: fresh.ends_with(64, "top", "--every", "0"),
    }
    for named, run in refused.items():
        assert named in run()
    assert not fresh.home.exists()


def test_top_shows_the_machine_even_where_no_stack_runs(fresh: Skytier) -> None:
    said = top(fresh)

    assert said["machines"][0]["cpu_percent"] is not None
    assert said["application"]["requests_per_s"] is None
    assert not fresh.home.exists()
