"""`skytier status`, `logs`, `demo-data` and `admin`."""

import os
import signal

import httpx
import pytest

from skytier.poll import until
from tests.skytier_command import Skytier


def test_the_status_of_a_healthy_stack_has_every_service(shared: Skytier) -> None:
    status = shared.status()

    keys = ["name", "cloud", "url", "healthy", "machines", "drift", "jobs", "faults"]
    keys += ["ipv6_url", "ipv6_wrong", "containers"]
    assert list(status) == keys
    assert (status["name"], status["cloud"], status["healthy"]) == ("local", None, True)
    assert [m["role"] for m in status["machines"]] == ["web", "database"]
    for machine in status["machines"]:
        assert list(machine)[:5] == ["name", "role", "address", "healthy", "services"]
        assert machine["healthy"]
        for service in machine["services"]:
            assert list(service) == ["name", "running", "pid", "detail"]
            assert service["running"]
            assert isinstance(service["pid"], int)
    shared.run("status")


def test_the_status_where_nothing_ever_was_is_an_object_too(fresh: Skytier) -> None:
    status = fresh.status()

    assert status["healthy"] is False
    assert not any(s["running"] for m in status["machines"] for s in m["services"])
    assert "skytier up" in fresh.ends_with(3, "status")
    assert not fresh.home.exists()


def test_the_status_tells_which_service_is_missing(stack: Skytier) -> None:
    os.kill(stack.pid("nginx"), signal.SIGKILL)

    said = stack.ends_with(3, "status")

    web, database = stack.status()["machines"]
    assert (web["healthy"], database["healthy"]) == (False, True)
    assert "its main process is gone" in said


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("postgresql", "ready to accept connections"),
        ("application", '"path": "/health"'),
        ("nginx", '"path":"/health"'),
    ],
)
def test_logs_shows_the_end_of_a_service_s_log(shared: Skytier, service: str, said: str) -> None:
    httpx.get(f"{shared.url()}/health")

    assert said in shared.run("logs", service, "--lines", "50")


def test_logs_follows_what_is_written(shared: Skytier) -> None:
    with shared.start("logs", "nginx", "--follow", "--lines", "0", process_group=0) as popen:
        assert popen.stdout is not None
        assert "nginx.log" in popen.stdout.readline()
        httpx.get(f"{shared.url()}/health?followed")
        seen = next(line for line in popen.stdout if "request_id" in line)
        os.killpg(popen.pid, signal.SIGINT)

    assert '"path":"/health"' in seen
    assert popen.returncode == 0


def test_demo_data_loads_as_many_as_wanted(shared: Skytier) -> None:
    def stats() -> tuple[int, int]:
        answer = httpx.get(f"{shared.url()}/api/stats").json()
        return answer["users"], answer["posts"]

    users, posts = stats()

    assert "Loaded 10 users and 200 posts." in shared.run(
        "demo-data", "--users", "10", "--posts", "200"
    )
    # Counts that took long are kept for a while.
    until(lambda: stats() == (users + 10, posts + 200), 120)
    assert stats() == (users + 10, posts + 200)


def test_admin_makes_an_administrator_and_takes_it_back(shared: Skytier) -> None:
    user = {"username": "root.user", "email": "r@example.org", "password": "8c7d6e5f4a3b"}
    assert httpx.post(f"{shared.url()}/api/users", json=user).status_code == 201

    assert "now an administrator" in shared.run("admin", "root.user")
    assert "no longer an administrator" in shared.run("admin", "root.user", "--revoke")
    assert "there is no user" in shared.ends_with(1, "admin", "--", "--help")
