"""A marker in the log of changes, and how far the archive was behind it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skytier.errors import SkytierError
from skytier.services.pgbackrest import contents
from skytier.services.pgbackrest.contents import Content


@dataclass(frozen=True)
class Marker:
    """A restore point, with what the database held there."""

    name: str
    at: datetime
    lost_bytes: int
    """How much of the log before it was not in the archive yet: lost with the machine."""
    lost_seconds: float
    """How old the first change in that part was: 0 where it had none."""
    contents: Mapping[str, Content]
    archived_s: float
    """How long it took until the archive had it."""
    read_s: float
    """How long the counts and checksums took."""


def marker(name: str, text: str) -> Marker:
    """From what the program on the machine printed. Raises SkytierError."""
    told: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith("{"):
            told |= json.loads(line)
    try:
        at = datetime.fromtimestamp(float(told["at"]), UTC)
        beginning = segment_start(told["segment"], int(told["segment_bytes"]))
        oldest = told.get("oldest") or ""
        return Marker(
            name,
            at,
            lost_bytes=max(0, location(told["location"]) - beginning),
            lost_seconds=max(0.0, (at - _moment(oldest)).total_seconds()) if oldest else 0.0,
            contents=contents.read(text),
            archived_s=float(told["archived_s"]),
            read_s=float(told["read_s"]),
        )
    except (KeyError, ValueError) as error:
        raise SkytierError(
            f"What the machine says of the marker cannot be read ({error}): {text[:300]}",
            "Look at the machine: skytier ssh database",
        ) from None


def location(text: str) -> int:
    """A place in the log, in bytes from its beginning.

    >>> location("1/80")
    4294967424
    """
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_start(name: str, segment_bytes: int) -> int:
    """Where a segment of the log begins, by its name: 8 hexadecimal digits each for the timeline,
    the log of 4 GiB, and the segment in it.

    >>> segment_start("000000020000000100000002", 16 * 2**20) == 2**32 + 32 * 2**20
    True
    """
    return (int(name[8:16], 16) << 32) + int(name[16:24], 16) * segment_bytes


def _moment(text: str) -> datetime:
    """As pg_waldump writes it: `2026-11-29 03:00:00.123456 UTC`."""
    return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
