"""What the application runs beside the web on this machine: its processes, and its jobs.

One process of ours, the supervisor, has the processes run and starts the jobs at their times. It is
of one release, with the code of that release.
"""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil

from skytier import files
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.local import process
from skytier.local.application import Application
from skytier.local.daemon import RunningConfig
from skytier.local.home import Home
from skytier.local.options import Options
from skytier.local.postgresql import Postgresql
from skytier.local.program import Program
from skytier.local.service import LocalService
from skytier.poll import until
from skytier.release.processes import Beside, beside
from skytier.services.application.skytier_units.since import is_before

START_TIMEOUT_S = 90.0
STEADY_S = 3.0
"""How long a process has to stay up before it counts as started."""
SUPERVISOR, JOB = "supervisor", "job"
"""How what runs beside the web is marked in its environment."""
JOB_STOP_S = 40.0
"""A little more than a job has to end."""


@dataclass(frozen=True)
class ProcessState:
    """One of the processes, as the supervisor tells it."""

    name: str
    number: int
    pid: int | None
    since: float
    """When it was started last, in seconds since 1970."""
    restarts: int
    exit_code: int | None
    """How it ended the last time."""


class Processes(LocalService):
    """The supervisor with all that it runs."""

    name: ClassVar[str] = "processes"

    def __init__(
        self, home: Home, program: Program, application: Application, database: Postgresql | None
    ) -> None:
        """Without a `database` there are no jobs."""
        super().__init__(home)
        self._program = program
        self._application = application
        self._database = database

    def wanted(self) -> bool:
        """Whether the release has any."""
        return any(self._program.beside())

    @property
    def is_part(self) -> bool:
        """Whether the release has any, or one before it left them."""
        return self.wanted() or self.daemon.was_started

    @property
    def was_cut_short(self) -> bool:
        """Whether they were started, and nobody saw them stay up; they may have ended since."""
        record = self.daemon.remembered()
        return record is not None and not record.marks

    def config(self, options: Options) -> RunningConfig:
        """That of the web: it is the same release with the same variables.

        Raises SkytierError where there is no psql for its jobs.
        """
        self._psql(options)
        config = self._application.config(options)
        return {name: value for name, value in config.items() if name != "workers"}

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Start it beside the one of the release before, which goes on."""
        options: Options = wanted.creation["options"]
        for path in self._home.run.glob("processes-*.state"):
            if not psutil.pid_exists(_pid(path.stem)):
                path.unlink()
        return Found(wanted.key, str(self._start(options)), wanted.attributes)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Start what is wanted. Where it does not stay up, the release before stays.

        Raises SkytierError for what failed.
        """
        record = self.daemon.remembered()
        try:
            return super().reconcile(wanted, found, known, tell)
        except SkytierError:
            self._program.failed()
            new = self.daemon.state().pid
            if record is not None and new and record.pid != new:
                process.end([psutil.Process(new)], signal.SIGTERM, JOB_STOP_S)
                self.daemon.remember(record)
            raise

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until all its processes stay up. Then those of the release before are ended."""
        self._steady(tell)
        self.daemon.ready(wanted.attributes)
        self.finish_others(tell)
        tell(_what_runs(self._program.beside()))

    def finish_others(self, tell: Tell) -> None:
        """Have the processes of earlier starts end once their work is finished."""
        current = self.daemon.state().pid
        for each in self._marked(SUPERVISOR):
            if each.pid != current:
                tell("the processes before finish their work")
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(signal.SIGTERM)

    def go_back(self, options: Options) -> None:
        """Have the processes of the current release run again, where the web did not follow."""
        pid = self.daemon.state().pid
        if pid is None or str(self._home.current.resolve()) in " ".join(_words(pid)):
            return
        self.daemon.stop(signal.SIGTERM, self._longest_stop_s())
        if any(self.described()):
            # The next `up` finds that it has no configuration, and starts it anew.
            self._start(options)

    def stop(self) -> None:
        """Ask all to finish, those of earlier releases and jobs too, and wait for it."""
        process.end(self._marked(SUPERVISOR), signal.SIGTERM, self._longest_stop_s())
        runs = []
        for each in self._marked(JOB):
            # One may have ended meanwhile.
            with suppress(ProcessLookupError):
                if os.getsid(each.pid) == each.pid:
                    runs.append(each)
        process.end(runs, signal.SIGTERM, JOB_STOP_S)
        # What was left by one that was killed.
        process.end(self._marked(), signal.SIGTERM, 5)
        self.daemon.stop(signal.SIGTERM, 5)

    def processes(self) -> list[ProcessState]:
        """Each process as it is; none where nothing was started."""
        with suppress(FileNotFoundError):
            said = json.loads(self._state_file().read_text())
            return [ProcessState(**each) for each in said]
        return []

    def from_before(self, path: Path) -> list[psutil.Process]:
        """What runs beside the web since before a file was written."""
        found = []
        for each in self._marked():
            with suppress(OSError):
                if is_before(each.pid, path):
                    found.append(each)
        return found

    def described(self) -> Beside:
        """What the current release has."""
        path = self._home.current / "application.json"
        return beside(json.loads(path.read_text())) if path.exists() else ((), ())

    def _state_file(self) -> Path:
        return self._home.run / f"processes-{self.daemon.state().pid}.state"

    def _start(self, options: Options) -> int:
        environment = {
            **self._application.environment(options),
            "SKYTIER_LOGS": str(self._home.logs),
            "SKYTIER_SUPERVISED": str(self._home.run),
            "SKYTIER_BESIDE": SUPERVISOR,
            **self._psql(options),
        }
        return self.daemon.start(self._program.launched("supervise"), environment)

    def _psql(self, options: Options) -> dict[str, str]:
        return {"SKYTIER_PSQL": str(self._database.psql(options))} if self._database else {}

    def _steady(self, tell: Tell) -> None:
        expected, _ = self._program.beside()

        def decided() -> bool:
            tell("starting")
            now, states = time.time(), self.processes()
            if self.daemon.state().pid is None or any(each.restarts for each in states):
                return True
            if not self._state_file().exists():
                return False
            up = [each for each in states if each.pid and now > each.since + STEADY_S]
            return len(up) == sum(int(each["count"]) for each in expected)

        until(decided, START_TIMEOUT_S)
        if self.daemon.state().pid is None:
            raise self.daemon.failed("did not start")
        for each in self.processes():
            if each.restarts:
                said = files.last_lines(self._home.logs / f"process.{each.name}.log", 12)
                raise SkytierError(
                    f"The process {each.name} {each.number} does not stay up: it ended with "
                    f"{each.exit_code}. The end of its log:\n{said}",
                    f"The whole log: skytier logs {each.name}",
                )

    def _marked(self, kind: str = "") -> list[psutil.Process]:
        """The processes of this home that run beside the web, of whatever release."""
        found = [(each, self._mark(each)) for each in psutil.process_iter()]
        return [each for each, mark in found if mark and kind in ("", mark)]

    def _mark(self, each: psutil.Process) -> str:
        """What a process is: `supervisor`, `process` or `job`; empty for others."""
        try:
            environment = each.environ()
        except psutil.Error:
            return ""
        if environment.get("SKYTIER_SUPERVISED") != str(self._home.run) or not process.alive(each):
            return ""
        return str(environment.get("SKYTIER_BESIDE", ""))

    def _longest_stop_s(self) -> float:
        """What the current release gives its processes; those before it may have had more."""
        processes, _ = self.described()
        return float(max([each["stop_s"] for each in processes], default=60)) + 5


def _words(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _pid(stem: str) -> int:
    return int(stem.partition("-")[2])


def _what_runs(beside: Beside) -> str:
    processes, jobs = beside
    number = sum(each["count"] for each in processes)
    more = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    return f"{number} process, {more}" if number == 1 else f"{number} processes, {more}"
