"""What is to be restored: the newest state, a moment, or a backup. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skytier.errors import SkytierError
from skytier.moment import moment
from skytier.services.pgbackrest import timelines
from skytier.services.pgbackrest.info import Backup, Backups
from skytier.stackfile.backup import FIRST

LATEST = "latest"
_NAME = re.compile("[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?")
_ZONE = re.compile(r".*(Z|[+-][0-9]{2}:[0-9]{2})|-[0-9]+[smhdw]|now")
FORMS = (
    "Write latest, the name of a backup (see skytier backup list), a time with its zone "
    "(2026-03-01T12:30:00Z, 2026-03-01T12:30:00+02:00), or how long ago (-90m)."
)


@dataclass(frozen=True)
class Target:
    """What pgBackRest is asked for."""

    kind: str
    """Its `--type`: default (to the end of the archive), time, or immediate."""
    at: str = ""
    """The moment, as PostgreSQL reads it."""
    backup: str = ""
    """The backup that it begins with; empty for the newest."""
    timeline: str = ""
    """The timeline that it follows; empty for the newest."""
    place: str = FIRST
    """Which of the places of the backups it is taken from."""
    words: str = ""
    """`its state of 2026-03-01 12:30:00 UTC, from the backup 20260301-030000F`"""

    def text(self, *, first: bool) -> str:
        """As the program on the machine reads it. `first`: whether a backup is made before."""
        lines = [self.kind, self.at, self.backup, self.timeline, "yes" if first else "no"]
        if self.place != FIRST:
            lines.append(self.place)
        return "".join(f"{line}\n" for line in lines)


def target(
    asked: str,
    there: Backups,
    now: datetime,
    after: Mapping[int, int] | None = None,
    places: Iterable[Backups] = (),
) -> Target:
    """What a person asks for: `latest`, a time or a name. Raises SkytierError.

    A moment is replayed on the timeline of the last backup before it: a later restore began another
    one, on which that moment may not be. Where another member became the primary, that timeline
    goes on in another one: `after` says in which (see `timelines`), or is None where that is not
    known. `places` are all places of the backups: those of another one tell of timelines, too.
    """
    newest = there.newest
    place = there.place
    where = "" if place == FIRST else f", in the {place} place"
    if asked == LATEST:
        words = f"the newest state in the archive, after {newest.name}{where}"
        return Target("default", place=place, words=words)
    for each in there.all:
        if asked == each.name:
            return Target(
                *("immediate", "", each.name, str(each.timeline), place),
                words=f"the state of the backup {each.name}, which ended at {_shown(each.ended)}"
                f"{where}",
            )
    at = _moment(asked, now)
    first = there.all[0]
    if not first.since <= at <= now:
        when = "lies ahead" if at > now else "is before the oldest backup ended"
        raise SkytierError(
            f"{_shown(at)} {when}.",
            f"Moments from {_shown(first.since)} to {_shown(now)} can be restored.",
        )
    before = [each for each in there.all if each.since <= at][-1]
    followed = timelines.followed(before.timeline, after or {})
    if after is not None:
        known = [each for place in (there, *places) for each in place.all]
        _check_restored(at, before, followed, known)
    return Target(
        *("time", f"{at:%Y-%m-%d %H:%M:%S.%f}+00", before.name),
        *(str(followed[-1]), place),
        words=f"its state of {_shown(at)}, from the backup {before.name}{where}",
    )


def _check_restored(
    at: datetime, before: Backup, followed: Sequence[int], known: Sequence[Backup]
) -> None:
    """Raises SkytierError for a moment after a restore and before the end of the backup after it.

    That moment is not on the timelines of the last backup before it. The recovery would end without
    it, with the data unfinished.
    """
    began = [each for each in known if before.ended < each.began <= at]
    restored = [each for each in began if each.timeline not in followed]
    if not restored:
        return
    first = min(restored, key=lambda each: each.ended)
    raise SkytierError(
        f"{_shown(at)} is after another restore of the database, and no backup of what was "
        "restored was complete then.",
        f"Moments from {_shown(first.since)} on can be restored, or that backup itself: skytier "
        f"restore --to {first.name}",
    )


def fixed(asked: str, now: datetime) -> str:
    """The same at a later moment: how long ago becomes a time. Raises SkytierError.

    >>> fixed("-90m", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)), fixed("latest", datetime.now(UTC))
    ('2026-03-01T11:00:00+00:00', 'latest')
    """
    if asked == LATEST or _NAME.fullmatch(asked):
        return asked
    return _moment(asked, now).isoformat()


def _moment(asked: str, now: datetime) -> datetime:
    if not _ZONE.fullmatch(asked):
        raise SkytierError(f"{asked!r} is no backup, and no time with a zone.", FORMS)
    return moment(asked, now)


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
