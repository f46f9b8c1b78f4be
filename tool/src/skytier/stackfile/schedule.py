"""Other numbers of web servers at some hours, by local time."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from fractions import Fraction
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, model_validator

from skytier.stackfile.section import Section, key

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK_MINUTES = 7 * 24 * 60


def _clock(value: str) -> str:
    if not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValueError("is not a time of day")
    return value


def _day(value: str) -> str:
    if value not in DAYS:
        raise ValueError("is not a day of the week")
    return value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("is not a time zone")
    return value


Clock = Annotated[str, AfterValidator(_clock)]


class Hours(Section):
    """Hours of the day with another number of web servers."""

    start: Clock = key(..., 'a time of day such as "22:00"', alias="from")
    """The first minute of these hours, in local time."""
    end: Clock = key(..., 'a time of day such as "06:00", another than `from`', alias="to")
    """The end of these hours. A time before `from` is on the next day."""
    count: int = key(..., "a number from 1 to 100", ge=1, le=100, strict=True)
    """The number of web servers in these hours."""
    days: tuple[Annotated[str, AfterValidator(_day)], ...] = key(
        DAYS, "days of the week: mon, tue, wed, thu, fri, sat, sun", ["sat", "sun"]
    )
    """The days on which these hours begin."""
    timezone: Annotated[str, AfterValidator(_timezone)] = key(
        "UTC", "the name of a time zone such as Europe/Berlin", "Europe/Berlin"
    )
    """The time zone of `from` and `to`, with its daylight-saving time."""

    @model_validator(mode="after")
    def _lasts(self) -> "Hours":
        if self.start == self.end:
            raise ValueError("begins and ends at the same time")
        return self

    def has(self, moment: datetime) -> bool:
        """Whether an aware moment is in them."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        return self._has(local.weekday(), local.time())

    def _has(self, weekday: int, at: time) -> bool:
        begin, end = time.fromisoformat(self.start), time.fromisoformat(self.end)
        today, yesterday = DAYS[weekday] in self.days, DAYS[weekday - 1] in self.days
        if begin < end:
            return today and begin <= at < end
        return (today and at >= begin) or (yesterday and at < end)

    def minutes(self) -> set[int]:
        """The minutes of an average week in UTC, from Monday's first on, that are in them.

        That week's clock is the zone's standard time: a change of the clock shifts the hours of
        two nights a year, and makes them no more or fewer than others.
        """
        begin, end = (time.fromisoformat(each) for each in (self.start, self.end))
        first = begin.hour * 60 + begin.minute
        lasts = (end.hour * 60 + end.minute - first) % (24 * 60)
        shift = self._standard_offset_minutes()
        return {
            (DAYS.index(day) * 24 * 60 + first + minute - shift) % WEEK_MINUTES
            for day in self.days
            for minute in range(lasts)
        }

    def _standard_offset_minutes(self) -> int:
        offset = datetime(2026, 1, 1, tzinfo=ZoneInfo(self.timezone)).utcoffset()
        return int(offset.total_seconds() // 60) if offset else 0

    def __str__(self) -> str:
        when = f"from {self.start} to {self.end}"
        if set(self.days) != set(DAYS):
            when += f" on {', '.join(self.days)}"
        return f"{when} ({self.timezone})"


def at(schedule: Sequence[Hours], moment: datetime) -> Hours | None:
    """The first that a moment is in; None where there is none."""
    return next((hours for hours in schedule if hours.has(moment)), None)


def shares(schedule: Sequence[Hours], count: int) -> list[Fraction]:
    """Which share of an average week each web server is there, from the first to the last.

    `count` is how many there are in all other hours.

    >>> night = Hours.model_validate({"from": "22:00", "to": "06:00", "count": 1})
    >>> shares([night], 3)
    [Fraction(1, 1), Fraction(2, 3), Fraction(2, 3)]
    """
    minutes = [count] * WEEK_MINUTES
    # The first that holds counts, so it is the last that is written down.
    for hours in reversed(schedule):
        for minute in hours.minutes():
            minutes[minute] = hours.count
    lasts = Counter(minutes)
    return [
        Fraction(sum(lasts[there] for there in lasts if there >= number), WEEK_MINUTES)
        for number in range(1, max(lasts) + 1)
    ]
