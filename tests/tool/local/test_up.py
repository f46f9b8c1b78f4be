"""`skytier up` on a real stack: it changes nothing, changes one thing, or heals."""

import json
import os
import signal
from collections.abc import Callable

import httpx
import psutil
import pytest

from skytier.poll import until
from tests.skytier_command import Skytier, free_port


def test_a_second_up_changes_nothing_and_says_so(stack: Skytier) -> None:
    before = stack.pids()

    said = stack.run("up")

    assert f"Nothing to do: {stack.url()} is up and healthy." in said
    assert stack.pids() == before
    assert None not in before.values()


def test_up_in_json_is_an_object_for_each_event(stack: Skytier) -> None:
    os.kill(stack.pid("nginx"), signal.SIGKILL)

    with stack.start("up", "--json") as popen:
        lines = [json.loads(line) for line in popen.communicate(timeout=600)[0].splitlines()]

    assert lines[-1] == {"event": "up", "url": stack.url(), "changed": True}
    done = [line["kind"] for line in lines if line["event"] == "done"]
    # A monitor that was too slow before is started, too.
    assert [kind for kind in done if kind != "monitor"] == ["nginx", "check"]


def test_another_port_moves_the_entry_point_and_nothing_else(stack: Skytier) -> None:
    before, old, port = stack.pids(), stack.url(), free_port()

    said = stack.run("up", "--port", str(port))

    assert stack.pids() == before
    assert stack.url() == f"http://127.0.0.1:{port}"
    assert f"port {old.rpartition(':')[2]} → {port}" in said
    assert httpx.get(f"{stack.url()}/health").status_code == 200
    # The workers before listen there until they have heard that they are to end.
    assert until(lambda: is_closed(old), 60)
    assert "Nothing to do" in stack.run("up"), "the port is remembered"


def test_another_number_of_workers_restarts_the_application_alone(stack: Skytier) -> None:
    before = stack.pids()

    said = stack.run("up", "--workers", "3")

    after = stack.pids()
    assert {name for name in after if after[name] != before[name]} == {"application"}
    assert "workers 2 → 3" in said


def test_another_address_with_the_same_port_is_taken_by_a_restart(stack: Skytier) -> None:
    port = stack.url().rpartition(":")[2]

    stack.run("up", "--bind", "0.0.0.0")

    assert stack.url() == f"http://127.0.0.1:{port}"
    assert httpx.get(f"http://127.0.0.2:{port}/health").status_code == 200
    stack.run("up", "--bind", "127.0.0.1")
    assert until(lambda: is_closed(f"http://127.0.0.2:{port}"), 60)


def is_closed(url: str) -> bool:
    try:
        httpx.get(f"{url}/health")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        pass
    return False


def leader(service: str) -> Callable[[Skytier], int]:
    return lambda stack: stack.pid(service)


def child(service: str, named: str = "") -> Callable[[Skytier], int]:
    """A process that serves under a service's main process: the newest of those so named."""

    def find(stack: Skytier) -> int:
        children = [
            process
            for process in psutil.Process(stack.pid(service)).children()
            if named in " ".join(process.cmdline())
        ]
        return max(children, key=lambda process: (process.create_time(), process.pid)).pid

    return find


VICTIMS = {
    "the postmaster": leader("postgresql"),
    "a backend of PostgreSQL": child("postgresql", "skytier skytier"),
    "Uvicorn": leader("application"),
    "a worker of Uvicorn": child("application"),
    "Nginx": leader("nginx"),
    "a worker of Nginx": child("nginx"),
}


@pytest.mark.parametrize("victim", VICTIMS.values(), ids=VICTIMS.keys())
def test_up_heals_after_a_kill_and_the_data_survives(
    stack: Skytier, victim: Callable[[Skytier], int]
) -> None:
    users = count_users(stack)
    killed = psutil.Process(victim(stack))

    os.kill(killed.pid, signal.SIGKILL)
    # Its parent does not know of it sooner.
    assert until(lambda: has_ended(killed), 60)
    stack.run("up")

    assert has_ended(killed)
    assert stack.status()["healthy"]
    assert count_users(stack) == users
    assert "Nothing to do" in stack.run("up")


def test_up_heals_when_every_main_process_is_killed_at_once(stack: Skytier) -> None:
    users, before = count_users(stack), [stack.pid(name) for name in stack.pids()]
    orphans = [c for pid in before for c in psutil.Process(pid).children(recursive=True)]

    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert not stack.status()["healthy"]
    stack.run("up")

    assert count_users(stack) == users
    assert [each for each in orphans if not has_ended(each)] == []


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_reused_process_number_is_not_taken_for_ours(stack: Skytier) -> None:
    record = stack.home / "run" / "nginx.json"
    ours = record.read_text()
    bystander = os.getpid()
    os.killpg(stack.pid("nginx"), signal.SIGKILL)

    # As after a reboot: the record is still there, and its number is another process now.
    record.write_text(ours.replace(ours.split('"pid": ')[1].split(",")[0], str(bystander)))

    assert stack.pids()["nginx"] is None
    assert "nginx       started" in stack.run("up")
    assert stack.pids()["nginx"] != bystander


def count_users(stack: Skytier) -> int:
    """How many users the application counts."""
    return int(httpx.get(f"{stack.url()}/api/stats").raise_for_status().json()["users"])
