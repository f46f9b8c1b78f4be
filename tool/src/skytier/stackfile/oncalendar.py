"""Times that come again, as a documented part of systemd's calendar events (systemd.time(7)).

It imports the standard library only: each release has this file in its runtime too.

    [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE]

A number may be `*`, a list `1,15`, a range `1..5`, and each with a step: `0/5`, `8..18/2`.
Weekdays are English: `Mon..Fri`, `Sat,Sun`. A date that is not given is every day, a time 00:00:00,
and the zone UTC. The words `minutely`, `hourly`, `daily`, `weekly`, `monthly`, `quarterly` and
`yearly` take the place of date and time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

_WORDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PART = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?", re.ASCII)
_LAST_YEAR = 2199
"""The last year in which systemd looks for a time."""


class NoTimeError(ValueError):
    """A text is no calendar event of the part that is understood here."""


@dataclass(frozen=True)
class Event:
    """A calendar event. Each field has the numbers at which it elapses, in their order."""

    text: str
    """As systemd takes it; the zone is always named."""
    zone: ZoneInfo
    weekdays: frozenset[int]
    """0 is Monday."""
    years: range | tuple[int, ...]
    months: frozenset[int]
    days: frozenset[int]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    def after(self, moment: datetime) -> datetime | None:
        """The first time after an aware moment, in UTC; None when there is none any more.

        As systemd does, a local time that the clocks leave out is left out, and of one that comes
        twice the first is taken.
        """
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        for naive in self._from(local.replace(microsecond=0)):
            found = naive.replace(tzinfo=self.zone).astimezone(UTC)
            exists = found.astimezone(self.zone).replace(tzinfo=None) == naive
            if exists and found > moment:
                return found
        return None

    def at_or_before(self, moment: datetime) -> datetime | None:
        """The last time up to an aware moment, in UTC; None when there is none in 30 years."""
        for back in (61, 3_700, 90_000, 32 * 86_400, 367 * 86_400, 30 * 366 * 86_400):
            found, each = None, self.after(moment - timedelta(seconds=back))
            while each and each <= moment:
                found, each = each, self.after(each)
            if found:
                return found
        return None

    def _from(self, local: datetime) -> Iterator[datetime]:
        """The local times from one on, whether or not the clocks show them."""
        for day in self._days_from(local.date()):
            first = local.time() if day == local.date() else time()
            for hour in self.hours:
                if hour < first.hour:
                    continue
                for minute in self.minutes:
                    if (hour, minute) < (first.hour, first.minute):
                        continue
                    for second in self.seconds:
                        at = time(hour, minute, second)
                        if at >= first:
                            yield datetime.combine(day, at)

    def _days_from(self, first: date) -> Iterator[date]:
        for year in self.years:
            if year < first.year:
                continue
            for month in sorted(self.months):
                for number in sorted(self.days):
                    try:
                        day = date(year, month, number)
                    except ValueError:  # the 31st of a month with 30 days
                        continue
                    if day >= first and day.weekday() in self.weekdays:
                        yield day


def parse(text: str) -> Event:
    """Read a calendar event. Raises NoTimeError, which says in a few words what is wrong.

    >>> parse("Mon..Fri 3:30 Europe/Berlin").text
    'Mon..Fri *-*-* 3:30:00 Europe/Berlin'
    """
    words = text.split()
    zone = "UTC"
    if words and (named := _zone(words[-1])):
        zone = named
        words.pop()
    if len(words) == 1 and words[0].lower() in _WORDS:
        words = _WORDS[words[0].lower()].split()
    weekdays, said = frozenset(range(7)), ""
    if len(words) > 1 and "/" in words[-1] and words[-1][:1].isalpha():
        raise NoTimeError(f"has {words[-1]!r}, which is no time zone")
    if words and words[0][:1].isalpha():
        said = words.pop(0)
        weekdays = _weekdays(said)
    day = words.pop(0) if words and "-" in words[0] else "*-*-*"
    clock = words.pop(0) if words and ":" in words[0] else "00:00:00"
    if words or not text.strip():
        raise NoTimeError(f"has {words[0]!r}, which is no time" if words else "is empty")
    dates = day.split("-")
    dates = ["*", *dates] if len(dates) == 2 else dates
    times = clock.split(":")
    times = [*times, "00"] if len(times) == 2 else times
    if len(dates) != 3 or len(times) != 3:
        raise NoTimeError("is not YEAR-MONTH-DAY HOUR:MINUTE:SECOND")
    year, month, of_month = dates
    hour, minute, second = times
    shown = [said] if said else []
    return Event(
        " ".join([*shown, "-".join(dates), ":".join(times), zone]),
        ZoneInfo(zone),
        weekdays,
        range(1970, _LAST_YEAR + 1) if year == "*" else _numbers(year, 1970, _LAST_YEAR, "year"),
        frozenset(_numbers(month, 1, 12, "month")),
        frozenset(_numbers(of_month, 1, 31, "day")),
        _numbers(hour, 0, 23, "hour"),
        _numbers(minute, 0, 59, "minute"),
        _numbers(second, 0, 59, "second"),
    )


def _zone(word: str) -> str | None:
    if word.upper() == "UTC":
        return "UTC"
    return word if "/" in word and word in available_timezones() else None


def _weekdays(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("..")
        begin, end = _weekday(first), _weekday(last or first)
        if begin > end:
            raise NoTimeError(f"has {part!r}, whose days are in the wrong order")
        found |= set(range(begin, end + 1))
    return frozenset(found)


def _weekday(name: str) -> int:
    for names in (_DAYS, _LONG_DAYS):
        if name in names:
            return names.index(name)
    raise NoTimeError(f"has {name!r}, which is no day of the week")


def _numbers(text: str, low: int, high: int, what: str) -> tuple[int, ...]:
    if text == "*":
        return tuple(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if not match:
            hint = f"; write {low}{part[1:]}" if part.startswith("*/") else ""
            raise NoTimeError(f"has {part!r}, which is no {what}{hint}")
        begin, step = int(match[1]), int(match[3] or 1)
        end = int(match[2]) if match[2] else high if match[3] else begin
        if not low <= begin <= end <= high or not 0 < step <= high:
            raise NoTimeError(f"has {part!r}, which is no {what} from {low} to {high}")
        found |= set(range(begin, end + 1, step))
    return tuple(sorted(found))
