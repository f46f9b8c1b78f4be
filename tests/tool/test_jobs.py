"""Processes and jobs by a release's own launcher, with a real PostgreSQL between the machines."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import skytier_runtime
from skytier.poll import until
from skytier.release.processes import stop_signal
from skytier.services.application.skytier_units import metrics as units
from skytier_runtime import job as job_module
from skytier_runtime import ledger, psql
from skytier_runtime.ledger import Run
from tests.postgres_cluster import PostgresCluster

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
RUNTIME = Path(skytier_runtime.__file__).parent


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresCluster]:
    with tempfile.TemporaryDirectory(prefix="sky", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        cluster = PostgresCluster(Path(directory, "pg"))
        yield cluster
        cluster.stop("immediate")


@pytest.fixture
def url(postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database without anything in it."""
    monkeypatch.setenv("SKYTIER_PSQL", str(postgres.bin / "psql"))
    name = f"jobs_{time.monotonic_ns()}"
    psql.run(postgres.url("postgres"), f"CREATE DATABASE {name}")
    return postgres.url(name)


def run_of(url: str, due: datetime = NOON, host: str = "web-1", *, manual: bool = False) -> Run:
    return Run(url, "cleanup", due, manual, host, "1-abc")


def test_of_several_machines_one_gets_a_time(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda n: run_of(url, host=f"web-{n}").claim()[0], range(8)))
    assert sorted(map(str, states)) == [*["None"] * 7, "running"]


def test_while_it_runs_anywhere_another_time_is_skipped_and_one_by_hand_is_refused(
    url: str,
) -> None:
    first, later = run_of(url), run_of(url, NOON + timedelta(minutes=1), "web-2")
    assert first.claim() == ("running", None)
    assert later.claim() == ("skipped", "web-1")
    assert run_of(url, datetime.now(UTC), manual=True).claim() == (None, "web-1")
    first.end(3, None)
    assert later.claim() == (None, None)
    assert run_of(url, NOON + timedelta(minutes=2)).claim() == ("running", None)
    (last,) = ledger.last(url)
    assert (last["state"], last["host"], last["last_success"]) == ("running", "web-1", None)
    assert last["skipped"] == later.due.timestamp()


def test_a_run_of_a_lost_machine_holds_nobody_up(url: str) -> None:
    assert run_of(url).claim() == ("running", None)
    psql.run(url, "UPDATE skytier_jobs.runs SET seen = seen - interval '10 minutes'")
    assert [each["state"] for each in ledger.last(url)] == ["lost"]
    assert run_of(url, NOON + timedelta(minutes=1)).claim() == ("running", None)


def test_what_ended_is_told_and_the_time_that_passed_meanwhile_is_taken(url: str) -> None:
    first = run_of(url)
    first.claim()
    first.end(0, NOON + timedelta(minutes=5))
    (last,) = ledger.last(url)
    assert (last["state"], last["exit_code"], last["release"]) == ("ended", 0, "1-abc")
    assert last["last_success"] == pytest.approx(last["began"] + last["seconds"])
    assert run_of(url, NOON + timedelta(minutes=5)).claim() == (None, None)


def test_only_the_last_runs_are_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "KEPT", 2)
    for minute in range(5):
        each = run_of(url, NOON + timedelta(minutes=minute))
        each.claim()
        each.end(0, None)
    assert psql.run(url, "SELECT count(*) FROM skytier_jobs.runs") == "3"


def test_nothing_ran_where_there_is_no_table(url: str) -> None:
    assert ledger.last(url) == []


def test_a_url_becomes_the_variables_of_libpq() -> None:
    made = psql.connection(
        "postgresql://shop:a%40b%3A@10.0.0.1:5432,10.0.0.2:5433/shop"
        "?sslmode=verify-full&sslrootcert=/etc/db.crt&target_session_attrs=read-write"
    )
    assert made == {
        "PGCONNECT_TIMEOUT": "10",
        "PGUSER": "shop",
        "PGPASSWORD": "a@b:",
        "PGHOST": "10.0.0.1,10.0.0.2",
        "PGPORT": "5432,5433",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/db.crt",
        "PGTARGETSESSIONATTRS": "read-write",
    }
    assert psql.connection("postgresql://a@[::1]:1/b")["PGHOST"] == "::1"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("celery -A shop worker -l info", "SIGTERM"),
        ("dramatiq shop.tasks", "SIGTERM"),
        ("rq worker --url $REDIS_URL", "SIGTERM"),
        ("huey_consumer shop.huey -w 2", "SIGINT"),
        ("bin/huey_consumer.py shop.huey", "SIGINT"),
        ("python manage.py run_huey", "SIGINT"),
        ("MODE=x python -m huey.bin.huey_consumer shop.huey", "SIGINT"),
        ("python shop.py run_huey_report 'x", "SIGTERM"),
    ],
)
def test_a_library_gets_the_signal_at_which_it_finishes_its_tasks(run: str, expected: str) -> None:
    assert stop_signal(run) == expected


class Released:
    """A release's directory, with a launcher that runs."""

    def __init__(self, directory: Path, url: str, **described: Any) -> None:
        self.path = directory / "releases" / "1-abc"
        shutil.copytree(RUNTIME, self.path / "runtime" / "skytier_runtime")
        (self.path / "app").mkdir()
        (directory / "logs").mkdir()
        self.logs = directory / "logs"
        (directory / "skytier_database_url").write_text(f"{url}\n")
        common = {
            "env": {},
            "paths": ["app"],
            "secrets": "environment",
            "run": None,
            "writable": {},
        }
        common |= {"processes": [], "jobs": [], **described}
        (self.path / "application.json").write_text(json.dumps(common))
        self.directory = directory
        self.environment = {
            **os.environ,
            "SKYTIER_SECRETS_DIR": str(directory),
            "SKYTIER_LOGS": str(self.logs),
            "SKYTIER_SUPERVISED": str(directory),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        launcher = self.path / "runtime" / "skytier_runtime" / "launch.py"
        return subprocess.Popen(
            [sys.executable, str(launcher), *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        with self.start(*words) as popen:
            said = popen.communicate(timeout=120)[0]
        return popen.returncode, said

    def processes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for path in self.directory.glob("processes-*.state"):
            found += json.loads(path.read_text())
        return found


def job(run: str, **more: Any) -> dict[str, Any]:
    return {"name": "cleanup", "run": run, "at": "*-*-* *:*:00 UTC", "timeout_s": 60, **more}


def process(run: str, **more: Any) -> dict[str, Any]:
    common = {"name": "worker", "run": run, "count": 1, "memory_mib": None, "stop_s": 20}
    return {**common, "signal": "SIGTERM", **more}


def test_a_job_runs_with_the_application_s_variables_and_its_end_is_written_down(
    tmp_path: Path, url: str
) -> None:
    program = "import os; print(os.environ['DATABASE_URL']); raise SystemExit(3)"
    released = Released(tmp_path, url, jobs=[job(f'python -c "{program}"')])
    released.environment["PATH"] = "/nowhere"  # a server has no program `python`
    code, said = released.run("job", "cleanup", NOON.isoformat())
    assert (code, said) == (3, f"{url}\n")
    assert released.run("job", "cleanup", NOON.isoformat()) == (job_module.NOT_OURS, "")
    assert job_module.NOT_OURS == units.NOT_OURS
    told = json.loads(released.run("jobs")[1])
    assert [(each["job"], each["exit_code"]) for each in told] == [("cleanup", 3)]


def test_a_job_by_hand_is_told_where_it_runs_already(tmp_path: Path, url: str) -> None:
    released = Released(tmp_path, url, jobs=[job("python -c 'print(1)'")])
    assert released.run("job", "cleanup", "now") == (0, "1\n")
    run_of(url).claim()
    code, said = released.run("job", "cleanup", "now")
    assert (code, said) == (75, "cleanup is skipped: it still runs on web-1.\n")
    assert (
        "The release has no other among its jobs. It has: cleanup."
        in released.run("job", "other")[1]
    )


def test_a_job_that_takes_too_long_is_ended_with_all_its_processes(
    tmp_path: Path, url: str
) -> None:
    line = "sleep 600 & echo $! > pid; sleep 600"
    released = Released(tmp_path, url, jobs=[job(line, timeout_s=3)])
    code, said = released.run("job", "cleanup", "now")
    assert (code, said) == (143, "cleanup is ended: it took longer than 3 s.\n")
    pid = (released.path / "app" / "pid").read_text().strip()
    assert until(lambda: not _runs(int(pid)), 120)


def test_a_job_for_no_named_time_takes_the_one_at_which_it_was_started(
    tmp_path: Path, url: str
) -> None:
    released = Released(tmp_path, url, jobs=[job("true", at="*-*-* *:*:* UTC")])
    began = datetime.now(UTC)
    assert released.run("job", "cleanup")[0] == 0
    due = psql.run(url, "SELECT extract(epoch FROM due) FROM skytier_jobs.runs LIMIT 1")
    assert began.timestamp() - 1.5 <= float(due) <= time.time() + job_module.EARLY.total_seconds()


def test_a_process_that_ends_is_started_again_and_all_end_with_the_supervisor(
    tmp_path: Path, url: str
) -> None:
    trap = "trap 'echo finished; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    released = Released(tmp_path, url, processes=[process(trap, count=2)])
    supervisor = released.start("supervise")
    log = released.logs / "process.worker.log"
    assert until(lambda: log.exists() and log.read_text().count("begun") == 2, 120)
    # The supervisor writes them down once it has started them.
    assert until(lambda: [each["pid"] for each in released.processes() if each["pid"]][1:], 120)
    first = released.processes()[0]["pid"]
    os.kill(first, signal.SIGKILL)
    assert until(lambda: log.read_text().count("begun") == 3, 120)
    assert until(lambda: released.processes()[0]["restarts"] == 1, 120)
    assert until(lambda: released.processes()[0]["pid"], 120)
    there = [each["pid"] for each in released.processes()]
    assert first not in there
    supervisor.terminate()
    said = supervisor.communicate(timeout=120)[0]
    assert "worker 1 ended with -9." in said
    assert log.read_text().count("finished") == 2
    assert not any(map(_runs, there))
    assert released.processes() == []


def test_a_process_that_does_not_end_in_its_time_is_killed(tmp_path: Path, url: str) -> None:
    line = "trap '' TERM; echo begun; while :; do sleep 0.05; done"
    released = Released(tmp_path, url, processes=[process(line, stop_s=1)])
    supervisor = released.start("supervise")
    log = released.logs / "process.worker.log"
    assert until(lambda: log.exists() and "begun" in log.read_text(), 120)
    # The supervisor writes it down once it has started it.
    assert until(lambda: released.processes() and released.processes()[0]["pid"], 120)
    pid = released.processes()[0]["pid"]
    supervisor.terminate()
    supervisor.communicate(timeout=120)
    assert not _runs(pid)


def test_processes_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path, url: str) -> None:
    released = Released(tmp_path, url, processes=[process("sleep 600")])
    supervisor = released.start("supervise")
    assert until(lambda: any(each["pid"] for each in released.processes()), 120)
    pid = released.processes()[0]["pid"]
    supervisor.kill()
    supervisor.communicate()
    assert until(lambda: not _runs(pid), 120)


def test_two_supervisors_run_a_job_once_each_time_and_it_outlives_them(
    tmp_path: Path, url: str
) -> None:
    line = "date +%s >> times; sleep 1; echo done >> ends"
    released = Released(tmp_path, url, jobs=[job(line, at="*-*-* *:*:0/3 UTC")])
    supervisors = [released.start("supervise") for _ in range(2)]
    times, ends = (released.path / "app" / name for name in ("times", "ends"))
    assert until(lambda: times.exists() and len(times.read_text().split()) >= 3, 120)
    for each in supervisors:
        each.terminate()
        each.communicate(timeout=120)
    running = "SELECT count(*) FROM skytier_jobs.runs WHERE state = 'running'"
    assert until(lambda: psql.run(url, running) == "0", 120)
    ran = psql.run(url, "SELECT count(*) FROM skytier_jobs.runs WHERE state = 'ended'")
    assert len(times.read_text().split()) == int(ran)
    assert len(ends.read_text().split()) == int(ran)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
