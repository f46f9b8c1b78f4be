"""Asking about processes and ending them, by their id, never by their name."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

from skytier.errors import SkytierError
from skytier.poll import until


def identity(pid: int) -> str | None:
    """A name that no other process ever has; None when the process is gone or a zombie.

    It is made of the machine's boot and the kernel's clock ticks since then: a start time of the
    day would change when the clock is set, and a number of a process comes back.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The name in parentheses may hold anything, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, start_ticks = fields[0], fields[19]
    # PID 1 of a container often reaps nobody, so zombies may stay for ever.
    return None if state in "ZX" else f"{boot}/{pid}/{start_ticks}"


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def leads_session(pid: int) -> bool:
    """Whether a process began a session; False when it is gone."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def program(pid: int) -> str | None:
    """The path of what a process runs; None when it is gone, or we may not know."""
    try:
        return psutil.Process(pid).exe()
    except psutil.Error:
        return None


def session(leader: int, expected: str) -> list[psutil.Process]:
    """The processes of a session that run an expected program, by its path.

    The kernel does not hand out a number again while it names a session that has members. The
    program guards against one that was handed out after all of ours were gone.
    """
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) != leader:
                continue
        except (ProcessLookupError, PermissionError):
            continue
        if alive(process) and program(process.pid) == expected:
            members.append(process)
    return members


def end(processes: Iterable[psutil.Process], first: signal.Signals, timeout_s: float) -> None:
    """Ask processes to end with a signal; those that have not within the time are killed."""
    waited_for = list(processes)
    for process in waited_for:
        _signal(process, first)
    for process in wait(waited_for, timeout_s):
        _signal(process, signal.SIGKILL)
    wait(waited_for, 5)


def wait(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until processes are gone. Returns those that are not, after `timeout_s` seconds."""
    waited_for = list(processes)
    # psutil.wait_procs would wait for a zombie that nobody reaps.
    until(lambda: not any(map(alive, waited_for)), timeout_s, every_s=0.05)
    return [process for process in waited_for if alive(process)]


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # asks for the start time too, before it sends
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise SkytierError(
            f"The process {process.pid} belongs to another user and cannot be ended.",
            "Run as the user who started it.",
        ) from None
