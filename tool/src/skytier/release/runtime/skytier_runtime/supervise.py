"""Keeps the processes of a release running, and starts its jobs at their times.

It does on the operator's machine what systemd does on a server. At SIGTERM it ends the processes,
each by the signal that it wants; jobs that run go on. What it knows of the processes is in the
directory SKYTIER_SUPERVISED, in a file `processes-PID.state`, as JSON.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skytier_runtime import oncalendar

RESTART_S = 2
_SET_SIGNAL_OF_PARENTS_DEATH = 1


@dataclass
class Process:
    """One of the processes, and what became of it."""

    name: str
    number: int
    stop_s: int
    signal: int
    popen: subprocess.Popen[bytes] | None = None
    since: float = 0
    """When it was started last, in seconds since 1970."""
    restarts: int = 0
    exit_code: int | None = None
    """How it ended the last time."""
    next_start: float = 0

    def told(self) -> Mapping[str, Any]:
        """What others may know."""
        return {
            "name": self.name,
            "number": self.number,
            "pid": self.popen.pid if self.popen else None,
            "since": self.since,
            "restarts": self.restarts,
            "exit_code": self.exit_code,
        }


@dataclass
class Supervisor:
    """All processes and jobs of a release."""

    launcher: Sequence[str]
    """The words that run the launcher."""
    logs: Path
    state: Path
    processes: Sequence[Process]
    jobs: Mapping[str, oncalendar.Event]
    next_times: dict[str, datetime | None] = field(default_factory=dict)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """The runs of jobs."""

    def look(self, now: datetime) -> None:
        """Start what has ended and what is due. `now` is an aware moment."""
        changed = False
        for each in self.processes:
            changed |= self._look_at(each, now.timestamp())
        for name, event in self.jobs.items():
            if name not in self.next_times:
                self.next_times[name] = event.after(now)
            due = self.next_times[name]
            if due and now >= due:
                self.next_times[name] = event.after(now)
                last = event.at_or_before(now) or due
                self.running.append(self._start(["job", name, last.isoformat()], name))
        self.running = [each for each in self.running if each.poll() is None]
        if changed:
            self.tell()

    def end(self) -> None:
        """End the processes; those that take longer than they may are killed."""
        began = time.monotonic()
        there = {each.popen: each for each in self.processes if each.popen}
        for popen, each in there.items():
            if not _ended(popen):
                os.kill(popen.pid, each.signal)
        while there := {popen: each for popen, each in there.items() if not _ended(popen)}:
            for popen, each in there.items():
                if time.monotonic() > began + each.stop_s:
                    _kill_group(popen)
            time.sleep(0.05)
        self.state.unlink(missing_ok=True)

    def tell(self) -> None:
        """Write down what is known of the processes."""
        new = self.state.with_suffix(".new")
        new.write_text(json.dumps([each.told() for each in self.processes]))
        new.replace(self.state)

    def _look_at(self, each: Process, now: float) -> bool:
        if each.popen is not None and _ended(each.popen):
            each.exit_code, each.popen = each.popen.returncode, None
            each.next_start = now + RESTART_S
            each.restarts += 1
            print(f"{each.name} {each.number} ended with {each.exit_code}.", flush=True)  # noqa: T201
            return True
        if each.popen is None and now >= each.next_start:
            words = ["process", each.name]
            each.popen = self._start(words, each.name, each)
            each.since = now
            return True
        return False

    def _start(
        self, words: Sequence[str], name: str, process: Process | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.logs / f"{words[0]}.{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*self.launcher, *words],
                env={**os.environ, "SKYTIER_BESIDE": words[0]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A job outlives this process, and a worker does not.
                process_group=0 if process else None,
                start_new_session=process is None,
                preexec_fn=_ends_with_us(process.signal) if process else None,
            )


def run(application: Mapping[str, Any], launcher: Sequence[str]) -> None:
    """Until SIGTERM."""
    asked = False

    def end(number: int, frame: object) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    supervisor = Supervisor(
        launcher,
        Path(os.environ["SKYTIER_LOGS"]),
        Path(os.environ["SKYTIER_SUPERVISED"], f"processes-{os.getpid()}.state"),
        [
            Process(each["name"], number, each["stop_s"], signal.Signals[each["signal"]])
            for each in application["processes"]
            for number in range(1, each["count"] + 1)
        ],
        {each["name"]: oncalendar.parse(each["at"]) for each in application["jobs"]},
    )
    supervisor.tell()
    while not asked:
        supervisor.look(datetime.now(UTC))
        time.sleep(0.1)
    supervisor.end()


def _ends_with_us(number: int) -> Any:
    """What a new process does first: it gets a signal when this one dies."""
    libc, parent = ctypes.CDLL(None), os.getpid()

    def first() -> None:
        libc.prctl(_SET_SIGNAL_OF_PARENTS_DEATH, number)
        if os.getppid() != parent:
            sys.exit(1)

    return first


def _ended(popen: subprocess.Popen[bytes]) -> bool:
    """Whether a process ended; then what it left of its group ends too."""
    # As long as nobody has waited for it, no other process and no other group gets its number.
    if popen.returncode is None:
        if not os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        _kill_group(popen)
        popen.wait()
    return True


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
