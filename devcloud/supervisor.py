"""supervisord, Debian's package of it: starts the daemons, and again when one ends."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from devcloud import command, configuration, home, preflight, templates, wait
from devcloud.errors import DevcloudError
from devcloud.services import Service

PROGRAMS = home.ETC / "programs.d"
CONF = home.ETC / "supervisord.conf"
PIDFILE = home.RUN / "supervisord.pid"
SOCKET = home.RUN / "supervisor.sock"


def running() -> bool:
    """Whether our supervisord runs and answers."""
    return SOCKET.exists() and command.try_run(["supervisorctl", "-c", CONF, "pid"])


def start() -> bool:
    """Start supervisord with no service yet. Returns whether it had to.

    Daemons whose supervisord was killed are ended first: nobody would restart or stop them.
    """
    if running():
        return False
    end_orphans()
    # Services come one after another, as on the first start: some end at once without Keystone.
    for path in PROGRAMS.glob("*.conf") if PROGRAMS.exists() else []:
        path.unlink()
    PROGRAMS.mkdir(exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    command.run(["supervisord", "-c", CONF], env={preflight.MARK: str(home.HOME)})
    wait.until(running, "supervisord does not answer", 30, f"Look at {home.LOGS}/supervisord.log.")
    return True


def ensure(services: Iterable[Service]) -> list[str]:
    """Start services that do not run, and restart those whose configuration has changed.

    Returns the names of those that it started. Does not wait until they answer.
    """
    changed = []
    for service in services:
        text = templates.render(
            "program.conf",
            service=service,
            hash=configuration.fingerprint(*service.files),
            logs=home.LOGS,
        )
        if home.write(PROGRAMS / f"{service.name}.conf", text):
            changed.append(service.name)
    if changed:
        command.run(["supervisorctl", "-c", CONF, "update"])
    down = {
        service.name
        for service in services
        if states().get(service.name, "") in {"STOPPED", "EXITED", "FATAL", "BACKOFF"}
    }
    for name in sorted(down):
        command.try_run(["supervisorctl", "-c", CONF, "start", name])
    return [*changed, *sorted(down - set(changed))]


def remove(services: Iterable[Service]) -> list[str]:
    """End services that are no part of the cloud any more. Returns the names of those that were."""
    paths = [PROGRAMS / f"{service.name}.conf" for service in services]
    removed = [path for path in paths if path.exists()]
    for path in removed:
        path.unlink()
    if removed:
        command.run(["supervisorctl", "-c", CONF, "update"])
    return [path.stem for path in removed]


def states() -> dict[str, str]:
    """The state of each service, such as RUNNING, by its name; empty when nothing runs."""
    return {name: words[0] for name, words in _status().items()}


def details() -> dict[str, str]:
    """What supervisord says of each service: state, process id and uptime."""
    return {name: " ".join(words) for name, words in _status().items()}


def _status() -> dict[str, list[str]]:
    if not SOCKET.exists():
        return {}
    # It exits with 3 when a service is not running, which is no error here.
    said = subprocess.run(
        ["supervisorctl", "-c", str(CONF), "status"],
        env=command.environment(),
        capture_output=True,
        text=True,
    ).stdout
    lines = [line.split() for line in said.splitlines()]
    return {words[0]: words[1:] for words in lines if len(words) > 1 and words[1].isupper()}


def stop() -> None:
    """End supervisord with all its services, and whatever outlived them."""
    if running():
        # All at once; `shutdown` alone would end one after another.
        command.try_run(["supervisorctl", "-c", CONF, "stop", "all"])
        command.try_run(["supervisorctl", "-c", CONF, "shutdown"])
        end = time.monotonic() + 60
        while PIDFILE.exists() and SOCKET.exists() and time.monotonic() < end:
            time.sleep(0.2)
    end_orphans()
    SOCKET.unlink(missing_ok=True)


def end_orphans() -> None:
    """End, by their ids, all processes that bear our mark. Raises DevcloudError if one stays."""
    end(_ours(), signal.SIGTERM, 20)
    # What those had started meanwhile.
    end(_ours(), signal.SIGKILL, 10)
    if left := _ours():
        raise DevcloudError(f"Processes do not end: {left}.")


def end(pids: Iterable[int], first: signal.Signals, timeout_s: float) -> None:
    """Ask processes to end; those that have not within `timeout_s` seconds are killed."""
    left = list(pids)
    for number, seconds in ((first, timeout_s), (signal.SIGKILL, 10)):
        for pid in left:
            _signal(pid, number)
        end = time.monotonic() + seconds
        while (left := [pid for pid in left if _alive(pid)]) and time.monotonic() < end:
            time.sleep(0.1)


def _ours() -> list[int]:
    return [pid for pid in command.pids() if preflight.is_ours(pid) and _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
