"""What was released where: a log of events, and what follows from it. Pure.

Each line is a JSON object. Lines are only appended, by whoever switches a machine:

{"what": "begun", "id": ..., "source": ..., "at": ..., "by": ..., "revision": ...}
{"what": "healthy", "id": ...}     or "failed"
{"what": "rollback", "id": ..., "at": ..., "by": ...}
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from skytier.errors import SkytierError

BEGUN, HEALTHY, FAILED, ROLLBACK, ROLLED_BACK = (
    *("begun", "healthy", "failed"),
    *("rollback", "rolled back"),
)


STAYS = "A rollback led to the release {}: it stays until skytier release."


@dataclass(frozen=True)
class Author:
    """Who releases, when, and what: all of it as people read it."""

    source: str = ""
    """The id of the source: `0.1.0-3f2a9c81d0e4`."""
    at: str = ""
    """UTC: `2026-11-28T17:03:21Z`; empty where nobody noted it."""
    by: str = ""
    """`user@host`"""
    revision: str = ""
    """Git's: `3f2a9c8`, or `3f2a9c8 with changes`; empty without Git."""


NOBODY = Author()


@dataclass(frozen=True)
class Entry:
    """One release, as it went."""

    number: int
    """They are counted from 1 on each machine, in the order in which they were begun."""
    id: str
    author: Author
    state: str
    """`begun` (also when it was interrupted), `healthy`, `failed` or `rolled back`"""


@dataclass(frozen=True)
class History:
    """The releases of a machine, the oldest first."""

    entries: Sequence[Entry] = ()
    current: int | None = None
    """The number of the one that serves."""
    pinned: bool = False
    """Whether a rollback led to it, so that only `release` replaces it."""

    def now(self) -> Entry | None:
        """The one that serves."""
        return next((each for each in self.entries if each.number == self.current), None)

    def before(self, there: Collection[str]) -> Entry:
        """The healthy release before that which serves, of those whose ids are `there`.

        Raises SkytierError when there is none.
        """
        now = self.now()
        for each in reversed(self.entries):
            if now and each.number >= now.number:
                continue
            if each.state == HEALTHY and each.id in there and (not now or each.id != now.id):
                return each
        said = f"{now.id} serves, and no healthy release before it is kept." if now else ""
        raise SkytierError(
            f"There is no release to go back to. {said}".strip(),
            "See what there is: skytier releases",
        )

    def named(self, name: str, there: Collection[str]) -> Entry:
        """The newest entry of a number (`12`) or an id. Raises SkytierError."""
        for each in reversed(self.entries):
            if name in (str(each.number), each.id):
                if each.id in there:
                    return each
                raise SkytierError(
                    f"The release {each.id} is not kept any more.",
                    "See those that are kept: skytier releases",
                )
        raise SkytierError(f"There is no release {name}.", "See skytier releases.")


@dataclass(frozen=True)
class Releases:
    """The history of a stack, and what of it is kept."""

    history: History
    there: frozenset[str]
    """The ids of the releases that a rollback can lead to."""

    def target(self, name: str | None) -> Entry:
        """What a rollback leads to: a release by its name, else that before. SkytierError."""
        if name:
            return self.history.named(name, self.there)
        return self.history.before(self.there)


@dataclass(frozen=True)
class Rollback:
    """What a rollback did."""

    to: Entry
    unknown: Sequence[str]
    """Migrations that were carried out, and that the release does not know: paths."""


def read(log: str) -> History:
    """What a log says. A line that was interrupted is skipped.

    >>> read('{"what": "begun", "id": "1-a"}\\n{"what": "healthy", "id": "1-a"}').current
    1
    """
    history = History()
    for line in log.splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict):
            history = _after(history, event)
    return history


def _after(history: History, event: dict[str, Any]) -> History:
    entries, what, named = list(history.entries), event.get("what"), event.get("id", "")
    if what == BEGUN:
        author = Author(**{name: event.get(name, "") for name in asdict(NOBODY)})
        entries.append(Entry(len(entries) + 1, named, author, BEGUN))
        return replace(history, entries=entries)
    place = next((n for n in reversed(range(len(entries))) if entries[n].id == named), None)
    if place is None and what in (HEALTHY, ROLLBACK):
        # A machine that is newer than the release.
        author = Author(at=event.get("at", ""), by=event.get("by", ""))
        entries.append(Entry(len(entries) + 1, named, author, HEALTHY))
        return History(entries, len(entries), pinned=what == ROLLBACK)
    if place is None:
        return history
    if what == FAILED:
        entries[place] = replace(entries[place], state=FAILED)
        return replace(history, entries=entries)
    if what == HEALTHY:
        entries[place] = replace(entries[place], state=HEALTHY)
        return History(entries, entries[place].number)
    if what == ROLLBACK:
        place = _target(entries, named, history.current, place)
        for number, each in enumerate(entries):
            if number > place and each.state == HEALTHY:
                entries[number] = replace(each, state=ROLLED_BACK)
        entries[place] = replace(entries[place], state=HEALTHY)
        return History(entries, entries[place].number, pinned=True)
    return history


def _target(entries: Sequence[Entry], named: str, current: int | None, newest: int) -> int:
    """Where a rollback led: an id may have been released more than once."""
    for place in reversed(range(len(entries))):
        each = entries[place]
        if each.id == named and each.state == HEALTHY and each.number < (current or 0):
            return place
    return newest


def begun(release: str, author: Author) -> str:
    """The line of a release that begins."""
    return json.dumps({"what": BEGUN, "id": release, **asdict(author)})


def ended(release: str, *, healthy: bool) -> str:
    """The line of how it ended."""
    return json.dumps({"what": HEALTHY if healthy else FAILED, "id": release})


def released(release: str, author: Author) -> list[str]:
    """The lines of a release that serves already."""
    return [begun(release, author), ended(release, healthy=True)]


def rolled_back(release: str, author: Author) -> str:
    """The line of a rollback to a release."""
    return json.dumps({"what": ROLLBACK, "id": release, "at": author.at, "by": author.by})
