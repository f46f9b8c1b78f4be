"""What pgBackRest says of the backups that there are."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from skytier.errors import SkytierError
from skytier.secrets import DIRECTORY
from skytier.services.pgbackrest.secrets import KEY, KEY_VARIABLE
from skytier.stackfile.backup import FIRST

_SEGMENT = re.compile("[0-9A-F]{24}(?=-)")
_SAYS = "pgBackRest says"
_SEGMENTS = 256
"""Of 16 MiB, which is PostgreSQL's default, in the 4 GiB that a log has."""


@dataclass(frozen=True)
class Backup:
    """A backup that is complete. Sizes are in bytes."""

    name: str
    """As pgBackRest calls it: `20261129-030000F_20261130-030000D`."""
    kind: str
    """`full`, `diff` or `incr`"""
    began: datetime
    ended: datetime
    database_bytes: int
    stored_bytes: int
    """What it added to the repository, compressed."""
    timeline: int
    """Of PostgreSQL. Each restore begins another one."""
    damaged: bool
    """Whether a page had a wrong checksum when it was made."""
    version: str = ""
    """Of PostgreSQL: `15`. It cannot be restored with another one."""
    last_segment: str = ""
    """The last one of the log that belongs to it: `000000010000000000000003`."""

    @property
    def since(self) -> datetime:
        """The earliest moment that can be restored from it: pgBackRest tells whole seconds."""
        return self.ended + timedelta(seconds=1)


@dataclass(frozen=True)
class Backups:
    """All that are in a place, the oldest first."""

    all: Sequence[Backup]
    trouble: str = ""
    """What pgBackRest says is wrong with the repository; empty for nothing."""
    place: str = FIRST
    """Which of the places of the backups it is."""
    archived: str = ""
    """The newest segment of the log in the archive, with the version of PostgreSQL and the number
    of its database before it: `15-1/000000010000000000000003`. Empty for none."""

    @property
    def said(self) -> str:
        """The trouble, and who says it."""
        return self.trouble if _SAYS in self.trouble else f"{_SAYS}: {self.trouble}"

    @property
    def newest(self) -> Backup:
        """Raises SkytierError where there is none."""
        if not self.all:
            said = f" {self.said}." if self.trouble else ""
            raise SkytierError(f"There is no backup.{said}", "Make one: skytier backup now")
        return self.all[-1]


def read(text: str, place: str = FIRST) -> Backups:
    """From the output of `pgbackrest info --output=json`. Raises SkytierError."""
    try:
        # What it could not decrypt is in its messages as it is.
        [stanza] = json.loads(text, strict=False)
        versions = {each["id"]: str(each["version"]) for each in stanza.get("db", ())}
        found = [_backup(each, versions) for each in stanza.get("backup", ())]
        status = stanza["status"]
        # 0 is ok, and 2 that there is no backup yet. The repository's own message says more.
        trouble = "" if status["code"] in (0, 2) else str(status["message"])
        trouble = _of_repository(stanza) or trouble
        # Those of each version of PostgreSQL, of which the last one runs.
        archived = [
            (int(each["id"].partition("-")[2]), f"{each['id']}/{each['max']}")
            for each in stanza.get("archive", ())
            if each.get("max")
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise SkytierError(
            f"The list of backups cannot be read. pgBackRest says: {text.strip()[:300]}",
            "Look at the machine: skytier ssh database",
        ) from None
    if is_of_wrong_key(trouble):
        raise wrong_key()
    there = sorted(found, key=lambda each: each.ended)
    return Backups(there, trouble, place, max(archived)[1] if archived else "")


def is_of_wrong_key(said: str) -> bool:
    """Whether pgBackRest says that it cannot decrypt its own list of backups."""
    # A certificate that it does not accept is a CryptoError, too.
    of_decryption = any(each in said for each in ("CryptoError", "outside of section"))
    return of_decryption and "certificate" not in said and "TLS" not in said


def wrong_key() -> SkytierError:
    """The error for that."""
    return SkytierError(
        "The backups cannot be decrypted: they are encrypted with another key than the one of this "
        "stack, or their list (backup.info) is damaged.",
        "If this is the place of another stack's backups, have its key taken: skytier exec "
        f"database 'mv {DIRECTORY}/{KEY} {DIRECTORY}/{KEY}.$(date +%s)', then skytier up with that "
        f"key in the variable {KEY_VARIABLE}.",
    )


def gaps(names: Iterable[str], *, between_timelines: bool = False) -> list[str]:
    """What is missing between the WAL segments of an archive, in words; pgBackRest does not tell.

    `names` are those of its files, with the directory of each version of PostgreSQL (`15-1/`),
    whose numbers begin anew. A timeline has 256 segments of 16 MiB for each log, and goes on where
    an earlier one ended: what is missing there counts with `between_timelines`.

    >>> gaps(["000000010000000000000001-ab.zst", "000000010000000000000003-cd.zst"])
    ['000000010000000000000002']
    """
    found = {
        (name.partition("/")[0] if "/" in name else "", match[0])
        for name in names
        if (match := _SEGMENT.search(name))
    }
    timelines: dict[tuple[str, str], list[int]] = {}
    for directory, name in sorted(found):
        place = int(name[8:16], 16) * _SEGMENTS + int(name[16:], 16)
        timelines.setdefault((directory, name[:8]), []).append(place)
    missing = []
    reached: dict[str, int] = {}
    for (directory, timeline), places in timelines.items():
        # Of the earlier timelines some may have gone on for longer.
        if between_timelines and directory in reached:
            places.insert(0, min(reached[directory], places[0] - 1))
        reached[directory] = max(places[-1], reached.get(directory, 0))
        for before, after in pairwise(places):
            if after > before + 1:
                ends = [_segment(timeline, place) for place in (before + 1, after - 1)]
                missing.append(" to ".join(dict.fromkeys(ends)))
    return missing


def lacks(names: Iterable[str], since: Backup) -> bool:
    """Whether an archive has a hole after a backup, by the names of its segments: a recovery would
    end there."""
    return any(each > since.last_segment for each in gaps(names, between_timelines=True))


def _segment(timeline: str, place: int) -> str:
    return f"{timeline}{place // _SEGMENTS:08X}{place % _SEGMENTS:08X}"


def _backup(said: dict[str, object], versions: Mapping[object, str]) -> Backup:
    times, info, wal = said["timestamp"], said["info"], said["archive"]
    database = said.get("database")
    assert isinstance(times, dict) and isinstance(info, dict) and isinstance(wal, dict)  # noqa: S101, PT018
    return Backup(
        name=str(said["label"]),
        kind=str(said["type"]),
        began=datetime.fromtimestamp(times["start"], UTC),
        ended=datetime.fromtimestamp(times["stop"], UTC),
        database_bytes=int(info["size"]),
        stored_bytes=int(info["repository"]["delta"]),
        # The first 8 hexadecimal digits of a segment's name are its timeline.
        timeline=int(str(wal["stop"])[:8], 16),
        damaged=bool(said.get("error")),
        last_segment=str(wal["stop"]),
        version=versions.get(database["id"], "") if isinstance(database, dict) else "",
    )


def _of_repository(stanza: dict[str, object]) -> str:
    repositories = stanza.get("repo")
    for each in repositories if isinstance(repositories, list) else ():
        if each["status"]["code"] not in (0, 2):
            return str(each["status"]["message"])
    return ""
