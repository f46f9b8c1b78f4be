"""What systemd is to have of a release, and what it tells of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skytier.services.application.skytier_units import metrics, systemd
from skytier.services.application.skytier_units.metrics import job_metrics, process_metrics
from skytier.services.application.skytier_units.shown import (
    complaints,
    has_failed,
    properties,
    told,
)
from skytier.services.application.skytier_units.since import is_before
from skytier.services.application.skytier_units.wanted import parts, wanted

WORKER = {
    "name": "worker",
    "run": "celery -A shop worker",
    "count": 2,
    "memory_mib": 512,
    "stop_s": 120,
    "signal": "SIGTERM",
}
CLEANUP = {"name": "cleanup", "run": "sweep", "at": "*-*-* 03:30:00 UTC", "timeout_s": 60}
RELEASE = "1.2-3f2a9c81d0e4"


def test_each_process_is_a_unit_of_its_release_and_each_job_a_timer() -> None:
    made = wanted({"processes": [WORKER], "jobs": [CLEANUP]}, RELEASE, variables=True)
    assert list(made.processes) == [
        f"skytier-process@worker.1.{RELEASE}.service",
        f"skytier-process@worker.2.{RELEASE}.service",
    ]
    addition = made.processes[f"skytier-process@worker.2.{RELEASE}.service"]
    assert addition.partition("[Service]\n")[2].splitlines() == [
        "ExecStart=",
        f"ExecStart=/opt/skytier/releases/{RELEASE}/skytier-app process worker",
        "KillSignal=SIGTERM",
        "TimeoutStopSec=120",
        f"LoadCredential=skytier_variables:/opt/skytier/releases/{RELEASE}/variables.json",
        "MemoryMax=512M",
    ]
    (timer,) = made.timers.values()
    assert "OnCalendar=*-*-* 03:30:00 UTC\n" in timer
    assert list(made.timers) == ["skytier-job@cleanup.timer"]


def test_an_older_systemd_gets_the_secret_variables_of_the_release_as_a_file() -> None:
    made = wanted({"processes": [WORKER]}, RELEASE, variables=True, old=True)
    (first, _) = made.processes.values()
    assert "LoadCredential" not in first
    assert (
        f"-T /opt/skytier/releases/{RELEASE}/variables.json /run/%p-%i/skytier_variables" in first
    )


def test_a_release_of_an_older_skytier_has_neither() -> None:
    made = wanted({}, RELEASE, variables=False)
    assert (made.processes, made.timers) == ({}, {})


def test_a_unit_names_its_process_and_its_release() -> None:
    name = f"skytier-process@mail-out.12.{RELEASE}.service"
    assert parts(name) == ("mail-out", 12, RELEASE)


def unit(**values: str) -> dict[str, str]:
    return {
        "Id": f"skytier-process@worker.1.{RELEASE}.service",
        "ActiveState": "active",
        "SubState": "running",
        "MainPID": "7",
        "NRestarts": "0",
        "MemoryCurrent": "1048576",
        "ExecMainStartTimestampMonotonic": "5000000",
        "ExecMainStatus": "0",
        **values,
    }


def test_what_systemd_shows_is_read() -> None:
    said = "Id=a.service\nMainPID=3\n\nId=b.service\nDescription=x=y\n"
    assert properties(said) == [
        {"Id": "a.service", "MainPID": "3"},
        {"Id": "b.service", "Description": "x=y"},
    ]


def test_a_process_that_ended_since_it_was_started_has_failed() -> None:
    assert not has_failed(unit(), 0)
    assert not has_failed(unit(NRestarts="3"), 3)
    assert has_failed(unit(NRestarts="4"), 3)
    assert has_failed(unit(ActiveState="activating", SubState="auto-restart"), 0)
    assert has_failed(unit(ActiveState="failed"), 0)


def test_a_process_is_told_with_its_age_and_memory() -> None:
    assert told(unit(), 65, RELEASE) == {
        "kind": "process",
        "name": "worker",
        "number": 1,
        "release": RELEASE,
        "state": "running",
        "up": True,
        "pid": 7,
        "age_s": 60,
        "memory_bytes": 2**20,
        "restarts": 0,
        "exit_code": 0,
    }
    web = told(unit(Id="skytier-app.service", MemoryCurrent="[not set]"), 65, RELEASE)
    assert (web["name"], web["release"], web["memory_bytes"]) == ("web", RELEASE, None)
    job = told(unit(Id="skytier-job@cleanup.service"), 65, RELEASE)
    assert (job["kind"], job["name"]) == ("job", "cleanup")
    ends = told(unit(ActiveState="deactivating", SubState="stop-sigterm"), 65, RELEASE)
    assert (ends["state"], ends["up"]) == ("stopping", False)


def test_only_a_process_of_the_release_that_serves_is_missed() -> None:
    def status(**values: Any) -> dict[str, Any]:
        each = told(unit(), 65, RELEASE) | {"up": False, "state": "dead"} | values
        return {"release": RELEASE, "processes": [each]}

    assert list(complaints(status())) == ["worker 1 does not run: it is dead."]
    assert list(complaints(status(up=True))) == []
    assert list(complaints(status(release="older"))) == []
    assert list(complaints(status(name="web"))) == []
    assert list(complaints(status(kind="job"))) == []


def test_a_process_is_measured_by_its_release() -> None:
    assert process_metrics(f"worker.2.{RELEASE}", up=False) == (
        f'skytier_process_up{{process="worker", number="2", release="{RELEASE}"}} 0\n'
    )


def test_a_switch_forgets_what_was_measured_of_processes_of_other_releases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, units, measured = (tmp_path / name for name in ("home", "units", "measured"))
    for module in (systemd, metrics):
        monkeypatch.setattr(module, "UNITS", str(units))
    monkeypatch.setattr(systemd, "HOME", str(home))
    monkeypatch.setattr(metrics, "METRICS", str(measured))
    # One that waits for its next start is stopped by systemd without ExecStopPost.
    (tmp_path / "systemctl").write_text("#!/bin/sh\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for release, processes in {
        "1-a": [WORKER, WORKER | {"name": "mail-out", "count": 1}],
        "2-b": [WORKER],
        "3-c": [],
    }.items():
        (home / "releases" / release).mkdir(parents=True)
        told = json.dumps({"processes": processes, "jobs": []})
        (home / "releases" / release / "application.json").write_text(told)
    units.mkdir()
    measured.mkdir()
    (measured / "skytier-job-cleanup.prom").touch()
    (measured / "skytier-process-former.prom").touch()

    def seen() -> list[str]:
        return sorted(path.name for path in measured.iterdir())

    systemd.switch("1-a")
    assert seen() == ["skytier-job-cleanup.prom"]
    for instance in ("worker.1.1-a", "worker.2.1-a", "mail-out.1.1-a"):
        metrics.down(instance)
    metrics.up("worker.1.2-b")
    assert len(seen()) == 5
    systemd.switch("2-b")
    assert seen() == ["skytier-job-cleanup.prom", "skytier-process-worker.1.2-b.prom"]
    # A roll back, and a release without any.
    metrics.down("worker.1.2-b")
    systemd.switch("1-a")
    assert seen() == ["skytier-job-cleanup.prom"]
    metrics.down("mail-out.1.1-a")
    systemd.switch("3-c")
    assert seen() == ["skytier-job-cleanup.prom"]


def test_only_the_machine_that_ran_a_job_last_has_its_exit_code() -> None:
    success = 'skytier_job_last_success_timestamp_seconds{name="cleanup"} 1000\n'
    code = 'skytier_job_last_exit_code{name="cleanup"} '
    assert job_metrics("cleanup", "0", 1000, "") == f"{code}0\n{success}"
    assert job_metrics("cleanup", "3", 2000, f"{code}0\n{success}") == f"{code}3\n{success}"
    assert job_metrics("cleanup", "TERM", 2000, "") == f"{code}1\n"
    assert job_metrics("cleanup", "98", 2000, f"{code}3\n{success}") == success
    assert job_metrics("cleanup", "98", 2000, f"{code}3\n") == ""


def test_a_process_is_from_before_a_file_or_from_after_it(tmp_path: Path) -> None:
    wait = [sys.executable, "-c", "input()"]
    file = tmp_path / "credential"
    with subprocess.Popen(wait, stdin=subprocess.PIPE) as before:
        subprocess.run(["sleep", "0.05"], check=True)
        file.touch()
        subprocess.run(["sleep", "0.05"], check=True)
        with subprocess.Popen(wait, stdin=subprocess.PIPE) as after:
            assert (is_before(before.pid, file), is_before(after.pid, file)) == (True, False)
            after.communicate(b"\n")
        before.communicate(b"\n")
