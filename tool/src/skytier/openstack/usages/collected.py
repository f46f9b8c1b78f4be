"""What a service was asked about, and what it told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from skytier.costs.usage import Usage

GB = 2**30
"""OpenStack's."""


@dataclass(frozen=True)
class Window:
    """The time that is asked about: aware, in UTC. `end` is no later than now."""

    start: datetime
    end: datetime

    def clip(self, usages: Iterable[Usage]) -> list[Usage]:
        """What of them is in the window."""
        clipped = (
            replace(each, start=max(each.start, self.start), end=min(each.end, self.end))
            for each in usages
        )
        return [each for each in clipped if each.start < each.end]


@dataclass(frozen=True)
class Collected:
    """What was used, and what the cloud could not tell about it, in sentences."""

    usages: Sequence[Usage] = ()
    notes: Sequence[str] = ()


def moment(text: str) -> datetime:
    """A time as OpenStack's services write it, always in UTC, to the second.

    >>> moment("2026-11-24T17:10:03.000000") == moment("2026-11-24T17:10:03Z")
    True
    """
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).replace(microsecond=0)


def listed(names: Iterable[str], most: int = 5) -> str:
    """`a, b and 3 more`"""
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
