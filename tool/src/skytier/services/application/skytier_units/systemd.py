"""Asks and tells systemd."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import HOME, UNITS, WEB, metrics
from .shown import has_failed, is_up, properties, told
from .wanted import Wanted, parts, parts_of_job, wanted

STEADY_S = 5
"""How long a process has to stay up before it counts as started."""
START_S = 60
_FIELDS = (
    *("Id", "ActiveState", "SubState", "MainPID", "NRestarts", "MemoryCurrent"),
    *("ExecMainStartTimestampMonotonic", "ExecMainStatus", "TimeoutStopUSec"),
)


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


def _listed() -> list[dict[str, str]]:
    """The units of processes that systemd knows, of whatever release."""
    names = [
        line.split()[0]
        for line in _systemctl(
            *("list-units", "--all", "--plain", "--no-legend", "skytier-process@*")
        ).splitlines()
    ]
    return _show(*names)


def _there() -> list[dict[str, str]]:
    """Those that run."""
    return [each for each in _listed() if each["ActiveState"] not in ("inactive", "failed")]


def _application(release: str) -> Mapping[str, Any]:
    path = Path(HOME, "releases", release, "application.json")
    found: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _wanted(release: str) -> Wanted:
    variables = Path(HOME, "releases", release, "variables.json").exists()
    old = Path(UNITS, "skytier-process@.service.d", "before-247.conf").exists()
    return wanted(_application(release), release, variables=variables, old=old)


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


def start(release: str) -> None:
    """Start its processes beside those that run. Ends with an error when one does not stay up."""
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


def switch(release: str) -> None:
    """End the processes of all other releases, and set the timers of its jobs."""
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
        metrics.file("job", parts_of_job(path.name)).unlink(missing_ok=True)
    changed = _write(timers)
    if changed or gone:
        _systemctl("daemon-reload")
    if changed:
        _systemctl("restart", *(path.name for path in changed))
    if timers:
        _systemctl("start", *now.timers)
    _end(ends)
    metrics.forget_all_but(now.processes)
    _forget_failed(now.processes)
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


def _forget_failed(but: Collection[str]) -> None:
    """systemd lists a process that failed for ever, also one of a release that never served."""
    failed = [each["Id"] for each in _listed() if each["ActiveState"] == "failed"]
    if gone := [unit for unit in failed if unit not in but]:
        _systemctl("reset-failed", *gone)


def _end(units: Sequence[Mapping[str, str]]) -> None:
    """Ask processes to end, and say how long they may take. Nobody waits for them."""
    if not units:
        return
    _systemctl("stop", "--no-block", *(each["Id"] for each in units))
    for each in units:
        name, number, release = parts(each["Id"])
        most = each["TimeoutStopUSec"]
        print(f"{name} {number} of {release} finishes its work, at most {most}")  # noqa: T201


def stop(release: str) -> None:
    """End its processes."""
    _end([each for each in _there() if parts(each["Id"])[2] == release])


def status() -> dict[str, Any]:
    """What runs of the application."""
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
