"""What a rehearsal found, in sentences and as a page."""

from datetime import datetime

from skytier.charts.chart import Unit, human
from skytier.deploy.rehearsed import Drill, DrillName, Rehearsed
from skytier.report.page import page
from skytier.stackfile.backup import FIRST

_PARTS = {
    "server": "the server until it lets in by SSH",
    "set-up": "its packages",
    "copy": "the files of the backup",
    "replay": "the changes since, until the database answers",
}


def title(found: Rehearsed) -> str:
    """`shop on mycloud: rehearsal of 2026-11-29 03:00 UTC`"""
    return f"{found.stack} on {found.cloud}: rehearsal of {_when(found.began)}"


def verdict(found: Rehearsed) -> str:
    """Whether the backups are proven, in one sentence."""
    if found.trouble:
        return "The backups are not proven: there is no copy to compare."
    if found.good:
        held = f"{_count(found.tables, 'table')} with {_count(found.rows, 'row')}"
        return f"The restored copy is the same, by count and checksum: {held}."
    return f"The restored copy differs in {_count(len(found.differences), 'table')}."


def sentences(found: Rehearsed) -> list[str]:
    """What else there is to say, from the machine to what would be lost."""
    restored = "The copy was to be" if found.trouble else "The copy was restored"
    where = "" if found.place == FIRST else f" in the {found.place} place"
    said = [f"{restored} on {found.machine}, from the backup {found.backup}{where}."]
    if found.recovery_s:
        said.append(f"Until the restored database answered: {_seconds(found.recovery_s)} (RTO).")
    if found.marked_at:
        said += [_lost(found), _reading(found)]
    if found.left:
        said.append(found.left)
    return said


def parts(found: Rehearsed) -> list[tuple[str, str]]:
    """Of what the recovery consists: words and seconds."""
    return [(_PARTS.get(name, name), _seconds(took)) for name, took in found.parts.items()]


def tried(found: Rehearsed) -> list[str]:
    """What came of each thing that was tried besides the backups, in sentences."""
    return [sentence for each in found.drills for sentence in _drill(each)]


def html(found: Rehearsed) -> str:
    """One page that asks for nothing else."""
    return page(
        "rehearsal",
        found=found,
        title=title(found),
        verdict=verdict(found),
        sentences=sentences(found),
        parts=parts(found),
        tried=tried(found),
    )


def _drill(drill: Drill) -> list[str]:
    said = [_STEPS[DrillName(drill.name)](**each) for each in drill.steps]
    if not drill.good:
        said.append(f"The {drill.name} is not proven. {drill.trouble} {drill.advice}".strip())
    return said


def _switched_over(to: str, seconds: float | None) -> str:
    if seconds is None:
        return f"{to} became the primary. For how long nobody could write was not seen."
    return f"{to} became the primary: nobody could write for {_seconds(seconds)}."


def _switched_back(to: str, seconds: float) -> str:
    return f"All web servers were switched to the release {to} within {_seconds(seconds)}."


_STEPS = {DrillName.SWITCHOVER: _switched_over, DrillName.ROLLBACK: _switched_back}


def _lost(found: Rehearsed) -> str:
    if not found.lost_seconds:
        return (
            "If the database server had vanished at the marker, no change would have been lost: "
            "the archive had all of them (RPO 0 s)."
        )
    return (
        "If the database server had vanished at the marker, the changes of the last "
        f"{_seconds(found.lost_seconds)} would have been lost (RPO): at most "
        f"{human(found.lost_bytes, Unit.BYTES)} of the log."
    )


def _reading(found: Rehearsed) -> str:
    copy = f", and {_seconds(found.copy_read_s)} in the copy" if found.copy_read_s else ""
    return (
        f"The archive had the marker after {_seconds(found.archived_s)}. To count and sum up all "
        f"tables took {_seconds(found.read_s)} on the database server{copy}."
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
