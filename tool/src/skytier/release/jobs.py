"""The jobs of a release with their last runs, as people see them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from skytier.stackfile import oncalendar
from skytier.status import JobStatus


def statuses(
    jobs: Sequence[Mapping[str, Any]], last: Sequence[Mapping[str, Any]] | None, now: datetime
) -> list[JobStatus]:
    """Each job of application.json, with its last run of those that `launch.py jobs` prints.

    `last` is None when the database could not be asked.
    """
    runs = {each["job"]: each for each in last or ()}
    return [_status(job, runs.get(job["name"]), now, asked=last is not None) for job in jobs]


def _status(
    job: Mapping[str, Any], run: Mapping[str, Any] | None, now: datetime, *, asked: bool
) -> JobStatus:
    following = oncalendar.parse(job["at"]).after(now)
    when = _iso(following.timestamp()) if following else None
    if run is None:
        return JobStatus(job["name"], job["at"], when, "never" if asked else "unknown")
    return JobStatus(
        job["name"],
        job["at"],
        when,
        run["state"],
        run["host"],
        _iso(run["began"]),
        round(run["seconds"], 1),
        run["exit_code"],
        _iso(run["last_success"]),
        _iso(run["skipped"]),
    )


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
    return moment.isoformat().replace("+00:00", "Z")
