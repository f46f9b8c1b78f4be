"""Jobs as tables show them."""

from collections.abc import Sequence
from datetime import timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.status import JobStatus


def table(jobs: Sequence[JobStatus]) -> Table:
    """A line for each job, with its last run and its next time."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Job", "Last run (UTC)", "Machine", "Result", "Duration", "Next (UTC)"):
        made.add_column(heading, no_wrap=True)
    for each in jobs:
        duration = "" if each.seconds is None else str(timedelta(seconds=round(each.seconds)))
        made.add_row(
            *(each.name, short(each.began), each.host or "", result(each)),
            *(duration, short(each.next)),
        )
    return made


def result(job: JobStatus) -> Text:
    """How the last run ended, in a word or two."""
    if job.state != "ended":
        return Text(job.state, {"running": "green", "lost": "red"}.get(job.state, ""))
    return Text("ok", "green") if job.exit_code == 0 else Text(f"exit code {job.exit_code}", "red")


def short(moment: str | None) -> str:
    """`2026-11-28 20:15:00` for an ISO time in UTC."""
    return (moment or "").replace("T", " ").removesuffix("Z")
