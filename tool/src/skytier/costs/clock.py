"""Days and months of a time zone, as whole seconds since 1970."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo


def second_of(moment: datetime) -> int:
    """An aware moment in whole seconds; what is left of the second does not count."""
    return int(moment.timestamp())


def midnight(day: date, zone: tzinfo = UTC) -> int:
    """The second in which a day begins there; where the clock skips midnight, the next one.

    >>> midnight(date(1970, 1, 2))
    86400
    """
    return second_of(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def day_of(second: float, zone: tzinfo = UTC) -> date:
    """The day that a second is in."""
    return datetime.fromtimestamp(second, zone).date()


def days(begin: int, end: int, zone: tzinfo = UTC) -> Iterator[tuple[date, int]]:
    """Each day that has a second of `begin` to `end`, exclusive, with its first second."""
    day = day_of(begin, zone)
    while (first := midnight(day, zone)) < end:
        yield day, first
        day += timedelta(days=1)


def months(begin: int, end: int, zone: tzinfo = UTC) -> Iterator[tuple[date, int]]:
    """The same for calendar months, each named for its first day."""
    month = day_of(begin, zone).replace(day=1)
    while (first := midnight(month, zone)) < end:
        yield month, first
        month = (month + timedelta(days=32)).replace(day=1)
