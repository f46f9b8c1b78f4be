"""Has systemd run the processes and jobs of a release: skytier-units COMMAND [RELEASE]

    start RELEASE     start its processes beside those that run, and see that they stay up
    switch RELEASE    end the processes of all other releases, and set the timers of its jobs
    stop RELEASE      end its processes
    status            what runs of the application, as JSON
    check             whether its processes run
    up INSTANCE       measure that a process runs
    down INSTANCE     measure that it does not
    ran JOB           measure how a job ended, by systemd's EXIT_STATUS

It imports the standard library only: this file is on each web server. Run as root.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = "/opt/skytier"
UNITS = "/etc/systemd/system"
STEADY_S = 5
"""How long a process has to stay up before it counts as started."""
START_S = 60
WEB = "skytier-app.service"
METRICS = "/var/lib/prometheus/node-exporter"
"""Where the node exporter finds metrics. On a machine without one it is not there."""
NOT_OURS = 98
"""The exit code of a job that did not run, because another machine runs it."""
_FIELDS = (
    *("Id", "ActiveState", "SubState", "MainPID", "NRestarts", "MemoryCurrent"),
    *("ExecMainStartTimestampMonotonic", "ExecMainStatus", "TimeoutStopUSec"),
)


@dataclass(frozen=True)
class Wanted:
    """What systemd should have of a release."""

    processes: Mapping[str, str]
    """Unit to the addition that makes it a process of this release."""
    timers: Mapping[str, str]
    """Unit to its file."""


def wanted(application: Mapping[str, Any], release: str, *, variables: bool) -> Wanted:
    """What systemd should have, by a release's application.json.

    `variables` is whether the release has secret variables of its own.
    """
    place = f"{HOME}/releases/{release}"
    processes = {}
    for each in application.get("processes", []):
        for number in range(1, each["count"] + 1):
            lines = [
                "# Written by Skytier.",
                "[Unit]",
                f"Description=The application's {each['name']} {number}, release {release}",
                "[Service]",
                f"ExecStart={place}/skytier-app process {each['name']}",
                f"KillSignal={each['signal']}",
                f"TimeoutStopSec={each['stop_s']}",
            ]
            if variables:
                lines.append(f"LoadCredential=skytier_variables:{place}/variables.json")
            if each["memory_mib"]:
                lines.append(f"MemoryMax={each['memory_mib']}M")
            unit = f"skytier-process@{each['name']}.{number}.{release}.service"
            processes[unit] = "\n".join(lines) + "\n"
    timers = {
        f"skytier-job@{each['name']}.timer": (
            "# Written by Skytier.\n"
            f"[Unit]\nDescription=When the application's {each['name']} runs\n"
            f"[Timer]\nOnCalendar={each['at']}\nAccuracySec=100ms\n"
        )
        for each in application.get("jobs", [])
    }
    return Wanted(processes, timers)


def parts(unit: str) -> tuple[str, int, str]:
    """Name, number and release of a process's unit.

    >>> parts("skytier-process@worker.1.0.1.0-3f2a.service")
    ('worker', 1, '0.1.0-3f2a')
    """
    instance = unit.removesuffix(".service").partition("@")[2]
    name, number, release = instance.split(".", 2)
    return name, int(number), release


def parts_of_job(unit: str) -> str:
    """The name of a job, by its unit or its timer."""
    return unit.partition("@")[2].rpartition(".")[0]


def properties(said: str) -> list[dict[str, str]]:
    """The units that `systemctl show` tells of, each with its properties."""
    blocks = (block.splitlines() for block in said.strip().split("\n\n") if block.strip())
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def is_up(unit: Mapping[str, str]) -> bool:
    """Whether it runs."""
    return unit["ActiveState"] == "active"


def has_failed(unit: Mapping[str, str], restarts_before: int) -> bool:
    """Whether it ended since it was started."""
    ended = unit["ActiveState"] == "failed" or unit["SubState"] == "auto-restart"
    return ended or int(unit["NRestarts"] or 0) > restarts_before


def told(unit: Mapping[str, str], now_s: float, current: str) -> dict[str, Any]:
    """A unit as `status` tells it; `now_s` is on systemd's monotonic clock."""
    began = int(unit["ExecMainStartTimestampMonotonic"] or 0) / 1e6
    running = int(unit["MainPID"] or 0) > 0
    memory = unit["MemoryCurrent"]
    if unit["Id"] == WEB:
        name, number, release = "web", 1, current
    elif unit["Id"].startswith("skytier-job@"):
        name, number, release = parts_of_job(unit["Id"]), 1, ""
    else:
        name, number, release = parts(unit["Id"])
    return {
        "kind": "job" if unit["Id"].startswith("skytier-job@") else "process",
        "name": name,
        "number": number,
        "release": release,
        "state": "stopping" if unit["ActiveState"] == "deactivating" else unit["SubState"],
        "up": is_up(unit),
        "pid": int(unit["MainPID"]) if running else None,
        "age_s": round(now_s - began) if running else None,
        "memory_bytes": int(memory) if running and memory.isdigit() else None,
        "restarts": int(unit["NRestarts"] or 0),
        "exit_code": int(unit["ExecMainStatus"] or 0),
    }


def process_metrics(instance: str, *, up: bool) -> str:
    """The metric of a process, for the node exporter."""
    name, number, release = parts(f"@{instance}")
    labels = f'process="{name}", number="{number}", release="{release}"'
    return f"skytier_process_up{{{labels}}} {int(up)}\n"


def job_metrics(job: str, status: str, now_s: float, before: str) -> str:
    """The metrics of a job that ended with an exit code, or by a signal such as `TERM`.

    `before` are those of its last run on this machine. What another machine ran is no more the
    last exit code here.
    """
    name = f'skytier_job_last_success_timestamp_seconds{{name="{job}"}}'
    success = "".join(f"{line}\n" for line in before.splitlines() if line.startswith(name))
    if status == str(NOT_OURS):
        return success
    code = int(status) if status.isdecimal() else 1
    if code == 0:
        success = f"{name} {now_s:.0f}\n"
    return f'skytier_job_last_exit_code{{name="{job}"}} {code}\n{success}'


# What follows asks and tells systemd.


def _systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], check=False, capture_output=True, text=True)
    if done.returncode and arguments[0] != "show":
        sys.stderr.write(done.stderr)
    return done.stdout


def _show(*units: str) -> list[dict[str, str]]:
    if not units:
        return []
    said = _systemctl("show", f"--property={','.join(_FIELDS)}", *units)
    return [each for each in properties(said) if each.get("ActiveState")]


def _there() -> list[dict[str, str]]:
    """The units of processes that run, of whatever release."""
    names = [
        line.split()[0]
        for line in _systemctl(
            *("list-units", "--all", "--plain", "--no-legend", "skytier-process@*")
        ).splitlines()
    ]
    return [each for each in _show(*names) if each["ActiveState"] not in ("inactive", "failed")]


def _application(release: str) -> Mapping[str, Any]:
    path = Path(HOME, "releases", release, "application.json")
    found: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _wanted(release: str) -> Wanted:
    variables = Path(HOME, "releases", release, "variables.json").exists()
    return wanted(_application(release), release, variables=variables)


def _write(files: Mapping[Path, str]) -> list[Path]:
    """Write files. Returns those that were others, or not there."""
    changed = []
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(text)
            new.replace(path)
            changed.append(path)
    return changed


def _start(release: str) -> None:
    units = _wanted(release).processes
    if not units:
        return
    if _write({Path(UNITS, f"{unit}.d", "skytier.conf"): text for unit, text in units.items()}):
        _systemctl("daemon-reload")
    before = {each["Id"]: each for each in _show(*units)}
    restarts = {unit: int(each["NRestarts"] or 0) for unit, each in before.items()}
    started = [unit for unit in units if not (unit in before and is_up(before[unit]))]
    if started:
        _systemctl("start", "--no-block", *started)
    stops_s = max(each["stop_s"] for each in _application(release)["processes"])
    # One of the same release may still finish its work after an earlier switch.
    deadline, steady_since = time.monotonic() + START_S + stops_s, None
    while True:
        now = _show(*units)
        for each in now:
            if has_failed(each, restarts.get(each["Id"], 0)):
                _refuse(each["Id"], started, "does not stay up")
        if not all(map(is_up, now)):
            steady_since = None
        elif steady_since is None:
            steady_since = time.monotonic()
        if not started or (steady_since and time.monotonic() > steady_since + STEADY_S):
            return
        if time.monotonic() > deadline:
            waiting = next(each["Id"] for each in now if not is_up(each))
            _refuse(waiting, started, "does not start")
        time.sleep(0.3)


def _refuse(unit: str, started: Sequence[str], what: str) -> None:
    """End with what a process said last."""
    name, number, release = parts(unit)
    said = subprocess.run(
        ["journalctl", f"--unit={unit}", "--lines=25", "--no-pager", "--output=cat"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    if started:
        _systemctl("stop", "--no-block", *started)
    sys.exit(
        f"The process {name} {number} of the release {release} {what}. Its last log lines:\n{said}"
    )


def _switch(release: str) -> None:
    now = _wanted(release)
    ends = [each for each in _there() if each["Id"] not in now.processes]
    timers = {Path(UNITS, unit): text for unit, text in now.timers.items()}
    gone = [path for path in Path(UNITS).glob("skytier-job@*.timer") if path not in timers]
    _link(
        "multi-user.target.wants",
        "skytier-process@",
        now.processes,
        f"{UNITS}/skytier-process@.service",
    )
    _link("timers.target.wants", "skytier-job@", now.timers, None)
    if gone:
        _systemctl("stop", *(path.name for path in gone))
    for path in gone:
        path.unlink()
        _metrics("job", parts_of_job(path.name)).unlink(missing_ok=True)
    changed = _write(timers)
    if changed or gone:
        _systemctl("daemon-reload")
    if changed:
        _systemctl("restart", *(path.name for path in changed))
    if timers:
        _systemctl("start", *now.timers)
    _end(ends)
    running = {each["Id"] for each in _there()}
    for directory in Path(UNITS).glob("skytier-process@*.service.d"):
        unit = directory.name.removesuffix(".d")
        # The template's own additions are of no release.
        if "@." not in unit and unit not in now.processes and unit not in running:
            shutil.rmtree(directory)


def _link(directory: str, prefix: str, units: Mapping[str, str], target: str | None) -> None:
    """Have exactly these units start with the machine."""
    place = Path(UNITS, directory)
    place.mkdir(exist_ok=True)
    for path in place.glob(f"{prefix}*"):
        if path.name not in units:
            path.unlink()
    for unit in units:
        path = place / unit
        if not path.is_symlink():
            path.symlink_to(target or f"{UNITS}/{unit}")


def _end(units: Sequence[Mapping[str, str]]) -> None:
    """Ask processes to end, and say how long they may take. Nobody waits for them."""
    if not units:
        return
    _systemctl("stop", "--no-block", *(each["Id"] for each in units))
    for each in units:
        name, number, release = parts(each["Id"])
        most = each["TimeoutStopUSec"]
        print(f"{name} {number} of {release} finishes its work, at most {most}")  # noqa: T201


def _stop(release: str) -> None:
    _end([each for each in _there() if parts(each["Id"])[2] == release])


def _status() -> dict[str, Any]:
    current = os.path.basename(os.path.realpath(f"{HOME}/current"))  # noqa: PTH119
    application = _application(current)
    expected = list(_wanted(current).processes)
    units = _show(WEB, *dict.fromkeys([*expected, *(each["Id"] for each in _there())]))
    jobs = _show(*(f"skytier-job@{each['name']}.service" for each in application.get("jobs", [])))
    units += [each for each in jobs if int(each["MainPID"] or 0)]
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    return {
        "release": current,
        "processes": [told(each, now, current) for each in units],
        "jobs": [{"name": each["name"], "at": each["at"]} for each in application.get("jobs", [])],
    }


def complaints(status: Mapping[str, Any]) -> Iterator[str]:
    """What of a status is not as it should be."""
    for each in status["processes"]:
        current = each["release"] == status["release"]
        if each["kind"] == "process" and each["name"] != "web" and current and not each["up"]:
            yield f"{each['name']} {each['number']} does not run: it is {each['state']}."


def _metrics(kind: str, name: str) -> Path:
    return Path(METRICS, f"skytier-{kind}-{name}.prom")


def _measure(path: Path, text: str) -> None:
    if not Path(METRICS).is_dir():
        return
    if text:
        new = path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o644)
        new.replace(path)
    else:
        path.unlink(missing_ok=True)


def _up(instance: str) -> None:
    _measure(_metrics("process", instance), process_metrics(instance, up=True))


def _down(instance: str) -> None:
    # One that was ended for good is missed by nobody.
    wanted = Path(UNITS, "multi-user.target.wants", f"skytier-process@{instance}.service")
    text = process_metrics(instance, up=False) if wanted.is_symlink() else ""
    _measure(_metrics("process", instance), text)


def _ran(job: str) -> None:
    path = _metrics("job", job)
    before = path.read_text() if path.exists() else ""
    _measure(path, job_metrics(job, os.environ.get("EXIT_STATUS", ""), time.time(), before))


def main() -> None:
    """Do what the command line says."""
    command, *release = sys.argv[1:]
    if command == "status":
        print(json.dumps(_status()))  # noqa: T201
    elif command == "check":
        wrong = list(complaints(_status()))
        if wrong:
            sys.exit("\n".join(wrong))
    else:
        commands = {"start": _start, "switch": _switch, "stop": _stop}
        (commands | {"up": _up, "down": _down, "ran": _ran})[command](*release)


if __name__ == "__main__":
    main()
