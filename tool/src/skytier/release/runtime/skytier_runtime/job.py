"""Runs a job once: takes its time in the whole stack, starts it, and writes down how it ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from skytier_runtime import ledger, oncalendar
from skytier_runtime.psql import PsqlError

Result = TypeVar("Result")
STOP_S = 30
"""How long a job has to end after it was asked to."""
RETRIES_S = 60
"""How long the database may be away when a job begins or ends."""
NOT_RUN = 75
"""The exit code where the database did not answer, or a run by hand is refused."""
NOT_OURS = 98
"""The exit code where another machine has this time, or an earlier run goes on."""
EARLY = timedelta(seconds=0.1)
"""A timer may start a process a moment before its time, by the kernel's coarser clock."""


def run(url: str, job: dict[str, Any], command: list[str], due: datetime | None) -> int:
    """Run a job that is due now, or by hand where `due` is None. Returns its exit code.

    It is NOT_OURS when another machine has this time, or an earlier run goes on.
    """
    manual = due is None
    this = ledger.Run(
        *(url, job["name"], due or datetime.now(UTC), manual),
        *(socket.gethostname(), os.environ["SKYTIER_RELEASE"]),
    )
    try:
        state, other = _patiently(this.claim)
    except PsqlError as error:
        _say(f"{job['name']} did not run, as the database does not answer: {error}")
        return NOT_RUN
    if state != "running":
        if other:
            _say(f"{job['name']} is skipped: it still runs on {other}.")
        return NOT_RUN if manual else NOT_OURS
    return _carry_out(this, job, command)


def due(at: str) -> datetime | None:
    """The time for which this process was started."""
    return oncalendar.parse(at).at_or_before(_started() + EARLY)


def _carry_out(this: ledger.Run, job: dict[str, Any], command: list[str]) -> int:
    # A group of its own, so that all of it can be ended.
    environment = {**os.environ, "SKYTIER_DUE": this.due.isoformat()}
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, process_group=0)
    deadline = time.monotonic() + job["timeout_s"]
    asked = False

    def end(number: int, frame: object) -> None:
        nonlocal deadline, asked
        if not asked:
            asked, deadline = True, time.monotonic() + STOP_S
            _signal(child, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    seen = time.monotonic()
    while child.poll() is None:
        time.sleep(0.1)
        now = time.monotonic()
        if now > deadline:
            if asked:
                _signal(child, signal.SIGKILL)
            else:
                _say(f"{job['name']} is ended: it took longer than {job['timeout_s']} s.")
                end(0, None)
        elif now > seen + ledger.SEEN_EVERY_S:
            seen = now
            with contextlib.suppress(PsqlError):  # it is said again soon
                this.seen()
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    missed = None if this.manual else oncalendar.parse(job["at"]).at_or_before(datetime.now(UTC))
    try:
        _patiently(lambda: this.end(code, missed))
    except PsqlError as error:
        _say(f"{job['name']} ended with {code}, which could not be written down: {error}")
    return code


def _patiently(ask: Callable[[], Result]) -> Result:
    """Ask the database again while it is away. Raises PsqlError."""
    deadline = time.monotonic() + RETRIES_S
    while True:
        try:
            return ask()
        except PsqlError:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _started() -> datetime:
    """When this process began; it may have become Python a while later."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return datetime.now(UTC) - timedelta(seconds=age)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
