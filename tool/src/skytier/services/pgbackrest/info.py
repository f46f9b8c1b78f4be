"""What pgBackRest says of the backups that there are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skytier.errors import SkytierError


@dataclass(frozen=True)
class Backup:
    """A backup that is complete. Sizes are in bytes."""

    name: str
    """As pgBackRest calls it: `20261129-030000F_20261130-030000D`."""
    kind: str
    """`full`, `diff` or `incr`"""
    began: datetime
    ended: datetime
    """The earliest moment that can be restored from it."""
    database_bytes: int
    stored_bytes: int
    """What it added to the repository, compressed."""
    timeline: int
    """Of PostgreSQL. Each restore begins another one."""
    damaged: bool
    """Whether a page had a wrong checksum when it was made."""


@dataclass(frozen=True)
class Backups:
    """All that are there, the oldest first."""

    all: Sequence[Backup]
    trouble: str = ""
    """What pgBackRest says is wrong with the repository; empty for nothing."""

    @property
    def newest(self) -> Backup:
        """Raises SkytierError where there is none."""
        if not self.all:
            said = f" pgBackRest says: {self.trouble}." if self.trouble else ""
            raise SkytierError(f"There is no backup.{said}", "Make one: skytier backup now")
        return self.all[-1]


def read(text: str) -> Backups:
    """From the output of `pgbackrest info --output=json`. Raises SkytierError."""
    try:
        [stanza] = json.loads(text)
        found = [_backup(each) for each in stanza.get("backup", ())]
        status = stanza["status"]
        # 0 is ok, and 2 that there is no backup yet.
        trouble = "" if status["code"] in (0, 2) else str(status["message"])
        trouble = trouble or _of_repository(stanza)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise SkytierError(
            f"The list of backups cannot be read. pgBackRest says: {text.strip()[:300]}",
            "Look at the machine: skytier ssh database",
        ) from None
    return Backups(sorted(found, key=lambda each: each.ended), trouble)


def _backup(said: dict[str, object]) -> Backup:
    times, info, wal = said["timestamp"], said["info"], said["archive"]
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
    )


def _of_repository(stanza: dict[str, object]) -> str:
    repositories = stanza.get("repo")
    for each in repositories if isinstance(repositories, list) else ():
        if each["status"]["code"] not in (0, 2):
            return str(each["status"]["message"])
    return ""
