"""What a rehearsal found, as it is kept, shown and given to programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from skytier.deploy.rehearsal import Proof, Source
from skytier.errors import SkytierError
from skytier.services.pgbackrest.marker import Marker
from skytier.stackfile.backup import FIRST


class DrillName(StrEnum):
    """What may be tried besides the backups."""

    SWITCHOVER = "switchover"
    """Another member of the database becomes the primary."""
    ROLLBACK = "rollback"
    """The web servers go back to the release before, and to the present one again."""


@dataclass(frozen=True)
class Drill:
    """How one of them went."""

    name: str
    steps: Sequence[Mapping[str, Any]] = ()
    """`to`, the member or the release that serves from then on, and `seconds`: how long nobody
    could write at a switchover, or None where that was not seen; how long all web servers took."""
    trouble: str = ""
    """Why it did not end well."""
    advice: str = ""
    """What to do about it."""

    @property
    def good(self) -> bool:
        """Whether it ended well."""
        return not self.trouble


@dataclass(frozen=True)
class Rehearsed:
    """Times are in ISO 8601, in UTC. What a rehearsal that failed did not come to is 0 or empty."""

    stack: str
    cloud: str
    began: str
    machine: str
    """Where the copy was restored: `shop-rehearsal-1 (m1.small)`."""
    backup: str
    """The one that it began with, as pgBackRest calls it."""
    good: bool
    """Whether the copy was restored, and is the same."""
    place: str = FIRST
    """Which of the places of the backups it is about."""
    trouble: str = ""
    """Why there was no copy to compare."""
    advice: str = ""
    """What to do about it."""
    left: str = ""
    """Why what was made for the copy may still be there; empty where it was removed."""
    marker: str = ""
    marked_at: str = ""
    lost_seconds: float = 0.0
    """How old the first change was that would have been lost with the machine at the marker."""
    lost_bytes: int = 0
    """How much of the log of changes would have been lost with it."""
    archived_s: float = 0.0
    """How long it took until the archive had the marker."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """What the recovery consists of, in seconds: `server`, `set-up`, `copy`, `replay`."""
    recovery_s: float = 0.0
    """Their sum."""
    read_s: float = 0.0
    """How long the counts and checksums of the database took."""
    copy_read_s: float = 0.0
    """The same of the copy."""
    tables: int = 0
    rows: int = 0
    missing: Sequence[str] = ()
    """Tables that the copy lacks."""
    surplus: Sequence[str] = ()
    """Tables that only the copy has."""
    different: Sequence[Mapping[str, Any]] = ()
    """`table`, `rows` and `rows_in_copy` of each table that holds something else in the copy."""
    drills: Sequence[Drill] = ()
    """What was tried besides the backups."""

    @property
    def differences(self) -> list[str]:
        """In sentences, a table each."""
        return [
            *(f"{name} is missing in the copy." for name in self.missing),
            *(f"{name} is in the copy alone." for name in self.surplus),
            *(
                f"{each['table']} has other rows in the copy: {each['rows_in_copy']:,} there, and "
                f"{each['rows']:,} in the database."
                for each in self.different
            ),
        ]


def rehearsed(
    names: tuple[str, str],
    began: datetime,
    machine: str,
    of: Source,
    *,
    marked: Marker | None = None,
    parts: Mapping[str, float] | None = None,
    proof: Proof | None = None,
    trouble: SkytierError | None = None,
    left: str = "",
) -> Rehearsed:
    """What came of it so far. `names` are those of the stack and of its cloud; `parts` are those
    before the copy."""
    marker: dict[str, Any] = {}
    if marked:
        marker = {
            "marker": marked.name,
            "marked_at": marked.at.isoformat(timespec="milliseconds"),
            "lost_seconds": round(marked.lost_seconds, 3),
            "lost_bytes": marked.lost_bytes,
            "archived_s": marked.archived_s,
            "read_s": marked.read_s,
            "tables": len(marked.contents),
            "rows": sum(each.rows for each in marked.contents.values()),
        }
    all_parts = {name: round(seconds, 3) for name, seconds in (parts or {}).items()}
    copy: dict[str, Any] = {}
    if proof:
        if proof.installed_s is not None:
            all_parts["set-up"] = proof.installed_s
        all_parts |= {"copy": proof.copied_s, "replay": proof.replayed_s}
        copy = {
            "recovery_s": round(sum(all_parts.values()), 3),
            "copy_read_s": proof.read_s,
            "missing": proof.compared.missing,
            "surplus": proof.compared.surplus,
            "different": [asdict(each) for each in proof.compared.different],
        }
    stack, cloud = names
    return Rehearsed(
        stack=stack,
        cloud=cloud,
        began=began.isoformat(timespec="seconds"),
        machine=machine,
        backup=of.backup.name,
        place=of.place,
        good=proof is not None and proof.compared.same,
        trouble=trouble.what if trouble else "",
        advice=(trouble.do or "") if trouble else "",
        left=left,
        parts=all_parts,
        **marker,
        **copy,
    )


def as_json(found: Rehearsed) -> str:
    """One object, with the fields of Rehearsed."""
    return json.dumps(asdict(found), indent=2)


def from_json(text: str) -> Rehearsed:
    """The same again. Raises ValueError, TypeError or AttributeError for what is none."""
    fields = json.loads(text)
    drills = [Drill(**each) for each in fields.get("drills", ())]
    return Rehearsed(**{**fields, "drills": drills})
