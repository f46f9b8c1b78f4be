"""Whether processes run, and how jobs ended: metrics in files, which the node exporter shows."""

import os
import time
from collections.abc import Collection
from pathlib import Path

from . import UNITS
from .wanted import parts

METRICS = "/var/lib/prometheus/node-exporter"
"""Where the node exporter finds metrics. On a machine without one it is not there."""
NOT_OURS = 98
"""The exit code of a job that did not run, because another machine runs it."""


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


def file(kind: str, name: str) -> Path:
    """The file of a process or a job."""
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


def up(instance: str) -> None:
    """A process runs."""
    _measure(file("process", instance), process_metrics(instance, up=True))


def down(instance: str) -> None:
    """A process ended."""
    # One that was ended for good is missed by nobody.
    wanted = Path(UNITS, "multi-user.target.wants", f"skytier-process@{instance}.service")
    text = process_metrics(instance, up=False) if wanted.is_symlink() else ""
    _measure(file("process", instance), text)


def forget_all_but(units: Collection[str]) -> None:
    """Remove the metrics of all other processes.

    A process that waits for its next start is stopped without `down`, and would be missed for ever.
    """
    kept = {file("process", unit.removesuffix(".service").partition("@")[2]) for unit in units}
    for path in Path(METRICS).glob("skytier-process-*.prom"):
        if path not in kept:
            path.unlink(missing_ok=True)


def ran(job: str) -> None:
    """A job ended, as systemd says in EXIT_STATUS."""
    path = file("job", job)
    before = path.read_text() if path.exists() else ""
    _measure(path, job_metrics(job, os.environ.get("EXIT_STATUS", ""), time.time(), before))
