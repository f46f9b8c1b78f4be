"""Processes and jobs of an application on this machine."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import pytest

from skytier.local.home import Home
from skytier.local.processes import JOB, SUPERVISOR, Processes, ProcessState
from skytier.local.stack import LocalStack
from skytier.poll import until
from tests import works
from tests.skytier_command import Skytier, free_port, processes_of


def test_a_job_that_ends_while_all_is_stopped_stops_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2)]
    marked = [psutil.Process(each.pid) for each in jobs]
    jobs[0].kill()
    jobs[0].wait()
    asked: list[str] = []
    home = Home(tmp_path)
    processes = Processes(home, cast(Any, None), cast(Any, None), None)
    monkeypatch.setattr(processes, "described", lambda: ((), ()))

    def those(kind: str = "") -> list[psutil.Process]:
        asked.append(kind)
        return marked if kind == JOB else []

    monkeypatch.setattr(processes, "_marked", those)

    processes.stop()

    assert jobs[1].wait(60) == -signal.SIGTERM
    assert asked == [SUPERVISOR, JOB, ""]


def stack(place: Path, worker: str = "python worker.py") -> str:
    more = f'env.PLACE = "{place}"\nenv.FINISH_S = "0"'
    return works.application(more, worker=worker, tick="*:*:0/2")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return works.write(tmp_path_factory.mktemp("works"), works.IN_A_FILE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def up(shop: Path, place: Path, make_skytier: Callable[[], Skytier]) -> Iterator[Skytier]:
    skytier = make_skytier()
    (shop / "skytier.toml").write_text(stack(place))
    skytier.run(
        *("up", "--port", str(free_port()), "--workers", "1", "--no-monitor"),
        cwd=shop,
    )
    yield skytier
    skytier.run("down", "--purge", "--yes", cwd=shop)


def workers(skytier: Skytier) -> list[ProcessState]:
    return LocalStack(Home(skytier.home)).processes.processes()


def noted(place: Path, what: str) -> list[list[str]]:
    path = place / "noted"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split()[1:] for line in lines if line.split()[0] == what]


def ticks(place: Path) -> list[str]:
    return [due for _, due in noted(place, "tick")]


def test_a_worker_that_is_killed_comes_back(up: Skytier, shop: Path, place: Path) -> None:
    # A process runs before it has said its first word.
    assert until(lambda: len(noted(place, "begun")) >= 2, 180)
    assert len(noted(place, "begun")) == 2
    killed = workers(up)[0].pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: len(noted(place, "begun")) == 3, 180)
    assert until(lambda: all(each.pid for each in workers(up)), 180)
    assert "Nothing to do" in up.run("up", cwd=shop)


def test_a_job_runs_once_each_time_also_while_two_supervisors_run(
    up: Skytier, shop: Path, place: Path
) -> None:
    pid = up.pid("processes")
    environment = psutil.Process(pid).environ()
    second = subprocess.Popen(
        [str(up.home / "current" / "skytier-app"), "supervise"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        before = len(ticks(place))
        assert until(lambda: len(ticks(place)) >= before + 4, 180)
    finally:
        second.terminate()
        second.wait(120)
    assert len(ticks(place)) == len(set(ticks(place)))


def test_logs_are_those_of_a_process_or_a_job(up: Skytier, shop: Path) -> None:
    assert "I work." in up.run("logs", "worker", cwd=shop)
    assert "tick True" in up.run("logs", "tick", cwd=shop)
    assert "is none of" in up.ends_with(64, "logs", "nobody", cwd=shop)


def test_a_release_leaves_a_running_job_alone_and_lets_workers_finish(
    up: Skytier, shop: Path, place: Path
) -> None:
    release = (up.home / "current").resolve().name
    runner = up.start("job", "run", "long", cwd=shop)
    assert until(lambda: noted(place, "long-begun"), 180)
    before = {str(each.pid) for each in workers(up)}
    code = shop / "shop.py"
    code.write_text(code.read_text().replace("version 1", "version 2"))
    up.run("up", cwd=shop)
    assert httpx.get(up.url()).text == "version 2"
    assert not before & {str(each.pid) for each in workers(up)}
    assert until(lambda: before <= {pid for pid, _ in noted(place, "finished")}, 180)
    assert "it still runs on" in up.ends_with(75, "job", "run", "long", cwd=shop)
    (place / "enough").touch()
    runner.communicate(timeout=300)
    assert runner.returncode == 0
    assert [told for _, told in noted(place, "long-ended")] == [release]


def test_a_worker_that_does_not_stay_up_switches_nothing(
    up: Skytier, shop: Path, place: Path
) -> None:
    before = {each.pid for each in workers(up)}
    web = up.pid("application")
    (shop / "skytier.toml").write_text(stack(place, "python -c 'import no_such_module'"))
    try:
        told = up.ends_with(1, "up", cwd=shop)
        assert re.search("The process worker [12] does not stay up", told)
        assert "No module named 'no_such_module'" in told
        assert up.pid("application") == web
        assert {each.pid for each in workers(up)} == before
    finally:
        (shop / "skytier.toml").write_text(stack(place))
    up.run("up", cwd=shop)
    assert httpx.get(up.url()).text == "version 2"


def test_workers_go_back_with_a_web_that_does_not_start(
    up: Skytier, shop: Path, place: Path
) -> None:
    release = (up.home / "current").resolve().name
    code = shop / "shop.py"
    text = code.read_text()
    code.write_text(f"import no_such_module\n{text}")
    try:
        assert "No module named 'no_such_module'" in up.ends_with(1, "up", cwd=shop)
        assert until(lambda: all(each.pid for each in workers(up)), 180)
        there = {str(each.pid): release for each in workers(up)}
        assert until(lambda: there.items() <= dict(noted(place, "begun")).items(), 180)
    finally:
        code.write_text(text)
    up.run("up", cwd=shop)


def test_what_was_killed_is_found_and_started_again(up: Skytier, shop: Path) -> None:
    pid = up.pid("processes")
    os.kill(pid, signal.SIGKILL)
    up.run("up", cwd=shop)
    assert up.pid("processes") != pid
    assert until(lambda: len([each for each in workers(up) if each.pid]) == 2, 180)


def test_status_and_ps_show_processes_and_jobs(up: Skytier, shop: Path) -> None:
    told = json.loads(up.run("status", "--json", cwd=shop))
    assert told["healthy"] is True
    services = {each["name"]: each for each in told["machines"][0]["services"]}
    assert services["worker"]["detail"] == "2 of 2 run"
    assert until(lambda: jobs_of(up, shop)["tick"]["last_success"], 180)
    jobs = jobs_of(up, shop)
    assert jobs["tick"]["exit_code"] in (0, None)
    assert jobs["tick"]["next"] > jobs["tick"]["began"]
    assert jobs["long"]["state"] == "ended"
    assert jobs["long"]["next"].endswith("-01-01T00:00:00Z")
    shown = up.run("status", cwd=shop)
    assert "2 of 2 run" in shown
    assert "Last run (UTC)" in shown
    processes = json.loads(up.run("ps", "--json", cwd=shop))
    assert [(each["name"], each["number"]) for each in processes] == [
        ("web", 1),
        ("worker", 1),
        ("worker", 2),
    ]
    assert all(each["memory_bytes"] > 2**20 and each["age_s"] >= 0 for each in processes)
    assert "worker 2" in up.run("ps", cwd=shop)


def jobs_of(skytier: Skytier, shop: Path) -> dict[str, dict[str, Any]]:
    listed = json.loads(skytier.run("job", "list", "--json", cwd=shop))
    return {each["name"]: each for each in listed}


def test_a_job_by_hand_prints_what_it_says_and_has_its_exit_code(
    up: Skytier, shop: Path, place: Path
) -> None:
    assert up.run("job", "run", "long", cwd=shop) == ""
    told = up.ends_with(1, "job", "run", "nothing", cwd=shop)
    assert "The application has no job nothing." in told
    assert "It has: tick, long" in told


def test_status_answers_where_the_stack_file_is_another_one(up: Skytier, tmp_path: Path) -> None:
    jobs = json.loads(up.run("status", "--json", cwd=tmp_path))["jobs"]
    assert {each["name"]: each["state"] for each in jobs} == {
        "tick": "unknown",
        "long": "unknown",
    }
    told = up.ends_with(1, "job", "run", "long", cwd=tmp_path)
    assert "The application that runs here is not that of this stack file." in told


def test_all_of_it_ends_with_the_stack(up: Skytier, shop: Path, place: Path) -> None:
    finished = len(noted(place, "finished"))
    up.run("down", cwd=shop)
    assert processes_of(up.home) == []
    assert len(noted(place, "finished")) == finished + 2
    up.run("up", cwd=shop)
    assert until(lambda: len([each for each in workers(up) if each.pid]) == 2, 180)
