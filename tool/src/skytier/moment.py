"""Times as they are typed: `2026-03-01`, `2026-03-01T12:30`, `-24h`, `now`."""

import re
from datetime import UTC, datetime, timedelta

from skytier.errors import SkytierError

_BACK = re.compile(r"-(\d+)(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime | None = None) -> datetime:
    """The time that a text names, with its time zone.

    A date or time without a zone is UTC. Raises SkytierError with the forms that are known.

    >>> moment("-24h", datetime(2026, 3, 2, 12, tzinfo=UTC)).isoformat()
    '2026-03-01T12:00:00+00:00'
    >>> moment("2026-03-01").isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    now = now or datetime.now(UTC)
    if text == "now":
        return now
    try:
        if found := _BACK.fullmatch(text):
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        named = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise SkytierError(
            f"{text!r} is not a time.",
            "Write a date (2026-03-01), a time (2026-03-01T12:30), how long ago (-90m, -24h, -7d), "
            "or now.",
        ) from None
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def period(start: str, end: str) -> tuple[datetime, datetime]:
    """Two times, of which the first has to be the earlier one. Raises SkytierError."""
    now = datetime.now(UTC)
    first, last = moment(start, now), moment(end, now)
    if first >= last:
        raise SkytierError(
            f"The time from {start} to {end} ends before it begins.", "Give an earlier --from."
        )
    return first, last
