"""From an account to a checked, running application and back, on real machines."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from skytier.cli.chosen import cloud_stack
from skytier.openstack.machines.host_keys import HOST_KEY, in_console
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.tunnel import tunnel
from skytier.openstack.watching.view import view
from skytier.poll import until
from skytier.stackfile import load

from . import page
from .account import Account, Operator, write_clouds
from .faulty_proxy import running, through, upstreams
from .hook import Hook, listening

NO_PACKAGE = "no-such-package"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEAjM7NdEoRVozSE6tejodDtMUCx9wn9FF8JNt9MicAA"
PASSWORD = "a long and private sentence"
SIGNED_IN = {"username": "ada", "password": PASSWORD}


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    """What is told of alerts."""
    with listening() as hook:
        yield hook


@pytest.fixture(scope="module")
def file(name: str, hook: Hook) -> str:
    """The stack file."""
    machines = f'name = "{name}"\nimage = "debian-12-skytier"\nflavor = "m1.tiny"\n'
    return f'{machines}database.volume_gib = 1\n[monitor]\nwebhook = "{hook.url}"\n'


@pytest.fixture(scope="module")
def first_try(account: Account, operator: Operator, file: str) -> Iterator[str]:
    """What `up` says when the stack file names a package that does not exist."""
    before = account.count()
    try:
        operator.write(f'{file}[web]\npackages = ["{NO_PACKAGE}"]\n')
        yield operator.ends_with(1, "up", "--yes")
    finally:
        operator.write(file)
        operator.run("down", "--delete-data", "--yes")
        assert account.count() == before
        assert operator.json("status", code=3)["machines"] == []


@pytest.fixture(scope="module")
def url(operator: Operator, file: str, first_try: str) -> str:
    """The entry point of the stack, which the second `up` brought to its end."""
    operator.write(file)
    operator.run("up", "--yes")
    return str(operator.json("status")["url"])


@pytest.fixture(scope="module")
def visitor(url: str) -> Iterator[httpx.Client]:
    """Somebody who registered and signed in."""
    # Emulated processors take their time for a password.
    with httpx.Client(base_url=url, timeout=60) as client:
        user = {**SIGNED_IN, "email": "ada@example.org"}
        assert client.post("/api/users", json=user).status_code in (201, 409)
        assert client.post("/api/sessions", json=SIGNED_IN).status_code == 201
        yield client


def test_a_first_boot_that_failed_is_told_with_the_lines_that_say_why(first_try: str) -> None:
    assert f"Unable to locate package {NO_PACKAGE}" in first_try
    assert "could not be set up" in first_try
    assert "release" not in first_try.partition("Error:")[2].splitlines()[0]


def test_every_endpoint_answers_through_the_floating_ip(url: str) -> None:
    for path in ("/", "/health/live", "/api/users", "/api/posts", "/api/stats", "/docs"):
        answer = httpx.get(url + path, timeout=60)
        assert answer.status_code == 200, path
    health = healthy(url).json()
    assert (health["status"], health["database"]["reachable"]) == ("ok", True)
    assert httpx.get(f"{url}/metrics", timeout=60).status_code == 404


def healthy(url: str) -> httpx.Response:
    """What the application says of itself, once it says that all is well.

    It waits for its database for a second, which is short where processors are emulated.
    """

    def asked() -> httpx.Response | None:
        answer = httpx.get(f"{url}/health", timeout=60)
        return answer if answer.status_code == 200 else None

    answer = until(asked, 120, 1)
    assert answer, httpx.get(f"{url}/health", timeout=60).text
    return answer


def test_a_visitor_writes_and_reads_back(visitor: httpx.Client) -> None:
    made = visitor.post("/api/posts", json={"title": "On engines", "content": "It weaves."})
    assert made.status_code == 201
    read = visitor.get(made.headers["Location"])
    assert (read.json()["title"], read.json()["username"]) == ("On engines", "ada")


def test_all_is_well_and_there_is_nothing_to_do(operator: Operator, url: str) -> None:
    status = operator.json("status")
    assert status["healthy"] is True
    assert {machine["role"] for machine in status["machines"]} == {"web", "database"}
    assert all(service["running"] for m in status["machines"] for service in m["services"])
    assert status["drift"] == []
    operator.ends_with(0, "plan", "--detailed-exitcode")
    assert "Nothing to do" in operator.run("up", "--yes")
    assert "the only copy of its database" in operator.ends_with(1, "down", "--yes")


def test_a_second_machine_sees_the_same(
    operator: Operator, make_operator: Callable[[], Operator], url: str
) -> None:
    second = make_operator()
    second.write((operator.directory / "skytier.toml").read_text().partition("\n")[2])
    second.ends_with(0, "plan", "--detailed-exitcode")
    first_sees, second_sees = operator.json("status"), second.json("status")
    for key in ("name", "url", "healthy", "drift"):
        assert first_sees[key] == second_sees[key]
    assert "SSH key is not on this machine" in second.ends_with(1, "ssh", "web", "true")


def test_prometheus_asks_every_machine(stack: CloudStack, name: str, url: str) -> None:
    wanted = {
        *(("node", f"{name}-{role}-1", role) for role in ("web", "database")),
        *((job, f"{name}-web-1", "web") for job in ("nginx", "application")),
        *((job, f"{name}-web-1", "web") for job in ("prometheus", "alertmanager")),
        ("postgres", f"{name}-database-1", "database"),
    }
    with tunnel(stack) as prometheus:
        assert until(lambda: answering(prometheus) == wanted, 300, 2), answering(prometheus)
        rules = httpx.get(f"{prometheus}/api/v1/rules", timeout=60).json()
        found = [rule for group in rules["data"]["groups"] for rule in group["rules"]]
        assert {rule["health"] for rule in found} <= {"ok", "unknown"}


class Outage:
    """The application is stopped until `end`. Alerts take minutes, in which other tests run."""

    def __init__(self, operator: Operator) -> None:
        self._operator, self._ended = operator, False
        operator.run("exec", "web", "systemctl stop 'skytier-app*'")

    def end(self) -> None:
        if not self._ended:
            self._operator.run("exec", "web", "systemctl start skytier-app")
            self._ended = True


@pytest.fixture(scope="module")
def outage(operator: Operator, hook: Hook, url: str) -> Iterator[Outage]:
    outage = Outage(operator)
    yield outage
    outage.end()


def test_a_changed_host_key_is_an_error(operator: Operator, name: str, outage: Outage) -> None:
    config = operator.directory / "config/skytier/test" / name
    known = (config / "known_hosts").read_text()
    try:
        other = re.sub(r"(ssh-ed25519 \S{30})\S{10}", r"\1AAAAAAAAAA", known)
        (config / "known_hosts").write_text(other)
        failed = subprocess.run(
            ["ssh", "-F", config / "ssh_config", "-o", "BatchMode=yes", f"{name}-web-1", "true"],
            check=False,
            capture_output=True,
            text=True,
        )
        assert failed.returncode == 255
        assert "Host key verification failed" in failed.stderr
    finally:
        (config / "known_hosts").write_text(known)


def test_without_a_console_a_machine_is_entered_once_its_key_is_confirmed(
    account: Account, operator: Operator, name: str, tmp_path: Path, outage: Outage
) -> None:
    web = f"{name}-web-1"
    compute = account.connection.compute
    server = compute.find_server(web, ignore_missing=False)
    # By other means, such as the dashboard: here past the proxy.
    key = in_console(compute.get_server_console_output(server)["output"] or "")
    assert key
    compute.delete_server_metadata(server, [HOST_KEY])
    shutil.copytree(operator.directory, tmp_path / "blind")
    with running(upstreams(account), seed=0, rate=0) as proxy:
        proxy.forbidden = b"os-getConsoleOutput"
        clouds = write_clouds(tmp_path / "clouds", through(proxy, account))
        blind = Operator(tmp_path / "blind", clouds)

        said = blind.ends_with(1, "ssh", "web", "--", "true")
        assert f"The cloud does not show the console of {web} (403)" in said
        assert f"skytier trust {web} KEY" in said

        blind.run("trust", web, OTHER_KEY)
        said = blind.ends_with(1, "ssh", "web", "--", "true")
        assert re.search("its host key is another than the one that was learnt", said)

        blind.run("trust", web, key)
        assert blind.run("ssh", "web", "--", "hostname").strip() == web
    assert operator.run("ssh", "web", "--", "hostname").strip() == web


def test_postgresql_takes_scram_over_tls_only(operator: Operator, outage: Outage) -> None:
    rules = operator.run(
        "exec",
        "database",
        'runuser -u postgres -- psql -At -c "SELECT type, auth_method FROM pg_hba_file_rules '
        "WHERE type LIKE 'host%'\"",
    )
    found = set(re.findall(r"host\w*\|[\w-]+", rules))
    assert found == {"hostssl|scram-sha-256"}


def test_diagnostics_are_refused_to_a_member_of_the_project(
    operator: Operator, outage: Outage
) -> None:
    said = operator.json("metrics", "cloud")

    assert said["diagnostics"] == {}
    assert "to administrators only" in said["notes"][0]
    assert "has no Gnocchi" in said["notes"][1]


def test_a_stopped_application_is_told(hook: Hook, name: str, outage: Outage) -> None:
    try:
        told = until(lambda: hook.told("ApplicationDown", "firing"), 300, 1)
    finally:
        outage.end()
    assert told, hook.messages
    assert told["labels"]["machine"] == f"{name}-web-1"
    assert told["labels"]["severity"] == "critical"
    assert f"skytier logs {name}-web-1" in told["annotations"]["description"]


def test_no_secret_is_where_it_can_be_read(account: Account, operator: Operator, url: str) -> None:
    password = operator.run(
        "exec", "database", "cat /etc/skytier/secrets/database_password"
    ).strip()
    assert len(password) >= 32
    for server in account.connection.compute.servers(details=True):
        whole = account.connection.compute.get(f"/servers/{server.id}", microversion="2.3").text
        assert password not in whole
        assert "PRIVATE KEY" not in whole
    for machine in ("web", "database"):
        assert password not in operator.run("exec", machine, "ps auxwwe")
        seen = operator.run(
            "exec",
            machine,
            "cat /var/lib/cloud/instance/user-data.txt; journalctl --boot --no-pager",
        )
        assert password not in seen
        readable = operator.run(
            "exec", machine, "runuser -u nobody -- cat /etc/skytier/secrets/* 2>&1 || true"
        )
        assert "Permission denied" in readable
    for words in (["status", "--json"], ["plan", "--json"]):
        assert password not in operator.run(*words)


def test_nothing_but_the_entry_point_answers_from_outside(url: str) -> None:
    host = httpx.URL(url).host
    for port in (5432, 8000, 9090, 9093, 9100, 9113, 9187):
        with pytest.raises(OSError, match="timed out"):
            socket.create_connection((host, port), timeout=3)


def test_the_recovery_of_the_application_is_told(hook: Hook, outage: Outage) -> None:
    outage.end()
    assert until(lambda: hook.told("ApplicationDown", "resolved"), 300, 1), hook.messages


def test_top_has_figures_of_every_machine(operator: Operator, name: str, url: str) -> None:
    def known() -> dict[str, Any] | None:
        said = operator.json("top", "--once")
        complete = all(machine["cpu_percent"] is not None for machine in said["machines"])
        complete = complete and said["source"] == "Prometheus"
        return said if complete and said["application"]["latency_p99_s"] else None

    said = until(known, 300, 2)

    assert said, operator.json("top", "--once")
    assert said["source"] == "Prometheus"
    assert {(machine["name"], machine["role"]) for machine in said["machines"]} == {
        (f"{name}-web-1", "web"),
        (f"{name}-database-1", "database"),
    }
    assert said["database"]["database_connections"] > 0

    def agrees() -> bool:
        machines = operator.json("top", "--once")["machines"]
        (shown,) = [each["memory_percent"] for each in machines if each["role"] == "database"]
        told = operator.run("exec", "database", "cat /proc/meminfo")
        kib = {
            each.split(":")[0]: int(each.split()[1]) for each in told.splitlines() if ":" in each
        }
        used = 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
        return bool(shown == pytest.approx(used, rel=0.05))

    # What the guest starts and ends meanwhile shows some seconds later.
    assert until(agrees, 300, 2)


def test_cpu_that_is_burnt_on_a_guest_shows_in_top(
    operator: Operator, stack: CloudStack, url: str
) -> None:
    with view(stack) as seen:
        pictures = seen.pictures(None, 1)

        def busy() -> bool:
            (cpu,) = [m["cpu_percent"] for m in next(pictures).machines if m["role"] == "database"]
            return cpu is not None and cpu > 50

        # It ends with its file, and by itself where nobody takes that away.
        burn = "timeout 600 sh -c 'while [ -e /run/burn ]; do :; done' || true"
        command = f"touch /run/burn; echo begun; {burn}"
        with operator.start("exec", "database", command) as burning:
            try:
                assert burning.stdout is not None
                assert burning.stdout.readline().strip() == "begun"
                assert until(busy, 300)
            finally:
                operator.run("exec", "database", "rm -f /run/burn")
            burning.communicate(timeout=300)


async def test_the_dashboard_and_reports_have_all_that_is_measured(
    operator: Operator,
    stack: CloudStack,
    visitor: httpx.Client,
    browser: Browser,
    name: str,
    tmp_path: Path,
) -> None:
    assert page.measured(stack, visitor) == []
    await page.looked_at(browser, operator, name, page.kept(tmp_path))

    said = json.loads(page.reported(operator, "json", tmp_path))
    assert said["cost"]["per_month"] == operator.json("plan")["cost"]["per_month"]
    assert {chart["id"] for chart in said["charts"]} >= {chart.id for chart in page.EXPECTED}
    assert said["releases"]
    assert name.encode() in page.reported(operator, "html", tmp_path)
    assert page.reported(operator, "pdf", tmp_path).startswith(b"%PDF-")


def test_without_the_monitor_the_application_goes_on(operator: Operator, url: str) -> None:
    units = "prometheus prometheus-alertmanager prometheus-node-exporter"
    operator.run("exec", "monitor", f"systemctl kill --signal=KILL {units}; systemctl stop {units}")
    try:
        assert healthy(url).json()["status"] == "ok"
        assert httpx.get(f"{url}/api/posts", timeout=60).status_code == 200
        machines = {m["role"]: m for m in operator.json("status", code=3)["machines"]}
        services = {service["name"]: service for service in machines["web"]["services"]}
        assert "does not run" in services["prometheus"]["detail"]
        assert services["application"]["running"]
        top = operator.json("top", "--once")
        assert top["source"] == "exporters", "over SSH"
        web, database = sorted(top["machines"], key=lambda m: m["role"], reverse=True)
        assert (web["role"], web["cpu_percent"]) == ("web", None)
        assert database["cpu_percent"] is not None
        assert top["application"]["pool_connections"]["max"] > 0
    finally:
        operator.run("exec", "monitor", f"systemctl start {units}")
    assert "prometheus" in operator.run("logs", "monitor", "--lines", "5")


def test_a_command_runs_on_each_machine_by_a_key_that_the_api_told(
    operator: Operator, name: str, url: str
) -> None:
    assert operator.run("exec", "web", "hostname").strip().endswith(f"{name}-web-1")
    assert operator.run("exec", "database", "hostname").strip().endswith(f"{name}-database-1")
    assert operator.run("ssh", "web/1", "whoami").strip().endswith("skytier-operator")
    assert "does not" not in operator.run("logs", "web", "--lines", "5")
    assert "has no machine" in operator.ends_with(1, "exec", "web/7", "true")


def test_what_was_written_survives_a_reboot_of_both_servers(
    account: Account, operator: Operator, visitor: httpx.Client
) -> None:
    made = visitor.post("/api/posts", json={"title": "Before the reboot", "content": "Still here?"})
    before = boots(operator)
    for server in account.connection.compute.servers():
        account.connection.compute.reboot_server(server, "SOFT")
    end = time.monotonic() + 900
    while not rebooted(operator, before) or status_of(visitor, made) != 200:
        assert time.monotonic() < end, "the stack does not come back"
        time.sleep(2)
    assert visitor.get(made.headers["Location"]).json()["title"] == "Before the reboot"
    while not operator.json("status", code=None)["healthy"]:
        assert time.monotonic() < end, "the stack is not well again"
        time.sleep(2)


@pytest.fixture
def stack(operator: Operator, monkeypatch: pytest.MonkeyPatch, url: str) -> CloudStack:
    """The stack as the operator's own tool has it."""
    for variable, value in operator.environment.items():
        monkeypatch.setenv(variable, value)
    wanted = load(operator.directory / "skytier.toml")
    return cloud_stack(wanted)


def answering(prometheus: str) -> set[tuple[str, str, str]]:
    """Job, machine and role of all that Prometheus gets an answer from."""
    query = {"query": "up == 1"}
    answer = httpx.get(f"{prometheus}/api/v1/query", params=query, timeout=60).json()
    found = [series["metric"] for series in answer["data"]["result"]]
    return {(each["job"], each["machine"], each["role"]) for each in found}


def test_the_data_outlives_the_database_server_on_a_volume_that_grows(
    account: Account, operator: Operator, visitor: httpx.Client, name: str
) -> None:
    compute, cinder = account.connection.compute, account.connection.block_storage
    written = visitor.post(
        "/api/posts", json={"title": "Before the loss", "content": "Still here?"}
    )
    [volume] = cinder.volumes(details=True)
    gone = compute.find_server(f"{name}-database-1", ignore_missing=False)
    compute.delete_server(gone)
    assert until(lambda: compute.find_server(gone.id) is None, 600, 1)
    file = (operator.directory / "skytier.toml").read_text().partition("\n")[2]
    operator.write(file.replace("volume_gib = 1", "volume_gib = 2"))

    operator.run("up", "--yes")

    assert visitor.get(written.headers["Location"]).json()["title"] == "Before the loss"
    now = cinder.get_volume(volume.id)
    server = compute.find_server(f"{name}-database-1", ignore_missing=False)
    assert (now.size, [each["server_id"] for each in now.attachments]) == (2, [server.id])
    assert server.id != gone.id
    command = "df --output=size --block-size=M /var/lib/postgresql | tail -n 1"
    assert int(operator.run("exec", "database", command).split()[-1].rstrip("M")) > 1900
    services = next(
        machine["services"]
        for machine in operator.json("status")["machines"]
        if machine["role"] == "database"
    )
    assert {"volume", "data-volume"} <= {each["name"] for each in services if each["running"]}
    operator.ends_with(0, "plan", "--detailed-exitcode")
    operator.write(file)
    assert "Cinder makes no volume smaller" in operator.ends_with(1, "plan")
    operator.write(file.replace("volume_gib = 1", "volume_gib = 2"))


def test_a_larger_flavor_keeps_the_data_and_the_database_is_tuned_for_it(
    account: Account, operator: Operator, visitor: httpx.Client, name: str
) -> None:
    made = visitor.post("/api/posts", json={"title": "Before the resize", "content": "Bigger?"})
    server = account.connection.compute.find_server(f"{name}-database-1", ignore_missing=False)
    file = (operator.directory / "skytier.toml").read_text().partition("\n")[2]
    operator.write(file.replace("[monitor]", 'database.flavor = "m1.small"\n[monitor]'))

    assert "resize: it is away for some minutes" in operator.run("up", "--yes")

    now = account.connection.compute.get_server(server.id)
    assert (now.flavor.original_name, now.status) == ("m1.small", "ACTIVE")
    command = 'runuser -u postgres -- psql -At -c "SHOW shared_buffers"'
    assert operator.run("exec", "database", command).split()[-1] == "1GB"
    assert visitor.get(made.headers["Location"]).json()["title"] == "Before the resize"
    operator.ends_with(0, "plan", "--detailed-exitcode")


def boots(operator: Operator) -> list[str]:
    """What names the boot of each machine that it is in."""
    command = "cat /proc/sys/kernel/random/boot_id"
    return [operator.run("exec", machine, command).split()[-1] for machine in ("web", "database")]


def rebooted(operator: Operator, before: list[str]) -> bool:
    try:
        now = boots(operator)
    except AssertionError:  # it is on its way down or up
        return False
    return all(new != old for new, old in zip(now, before, strict=True))


def status_of(visitor: httpx.Client, made: httpx.Response) -> int | None:
    try:
        return visitor.get(made.headers["Location"]).status_code
    except httpx.HTTPError:
        return None
