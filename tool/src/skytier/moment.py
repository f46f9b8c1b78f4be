"""Times as they are typed: `2026-03`, `2026-03-01`, `2026-03-01T12:30`, `-24h`, `now`."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

from skytier.errors import SkytierError

FORMS = (
    "Write a month (2026-03), a day (2026-03-01), a time (2026-03-01T12:30, also with seconds, and "
    "with Z or +02:00), how long ago (-30s, -90m, -24h, -7d, -2w), or now."
)

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MONTH, _DAY = re.compile("[0-9]{4}-[0-9]{2}"), re.compile(_DATE)
_TIME = re.compile(
    rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]{{1,6}})?)?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?"
)
_BACK = re.compile("-([0-9]+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime | None = None, zone: tzinfo = UTC) -> datetime:
    """The moment that a text names, in UTC: the first one of a month or a day.

    What says no zone of its own is in `zone`. Raises SkytierError with the forms that are known.

    >>> moment("-24h", datetime(2026, 3, 2, 12, tzinfo=UTC)).isoformat()
    '2026-03-01T12:00:00+00:00'
    >>> moment("2026-03-01").isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    return _span(text, now or datetime.now(UTC), zone)[0]


def period(
    start: str, end: str, zone: tzinfo = UTC, now: datetime | None = None
) -> tuple[datetime, datetime]:
    """From one time to another, in UTC, cut off at now. Raises SkytierError.

    A month or a day as the end means all of it.

    >>> [f"{each:%m-%d}" for each in period("2026-03", "2026-03")]
    ['03-01', '04-01']
    """
    now = now or datetime.now(UTC)
    first, last = _span(start, now, zone)[0], min(_span(end, now, zone)[1], now)
    if first >= last:
        late = "lies ahead" if first > now else "ends before it begins"
        raise SkytierError(f"The time from {start} to {end} {late}.", "Give an earlier --from.")
    return first, last


def _span(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first moment, and the first one that is past it; both are one for a time."""
    try:
        if _MONTH.fullmatch(text):
            first = date.fromisoformat(f"{text}-01")
            return _midnight(first, zone), _midnight(
                (first + timedelta(days=32)).replace(day=1), zone
            )
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
            return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        named = _time(text, now, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SkytierError(f"{text!r} is not a time.", FORMS) from None
    return named, named


def _time(text: str, now: datetime, zone: tzinfo) -> datetime:
    if text == "now":
        return now
    if found := _BACK.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    named = datetime.fromisoformat(text)
    return named if named.tzinfo else named.replace(tzinfo=zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
