"""A schedule of cron in the words of systemd's OnCalendar."""

import re

_NAMES = {
    "@yearly": "yearly",
    "@annually": "yearly",
    "@monthly": "monthly",
    "@weekly": "Sun *-*-*",
    "@daily": "daily",
    "@midnight": "daily",
    "@hourly": "hourly",
}
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_FIELD = re.compile(r"(\*|\d{1,2}(?:-\d{1,2})?)(?:/(\d{1,2}))?", re.ASCII)
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def on_calendar(schedule: str) -> str | None:
    """The same times for systemd; None when the schedule is none, or has no single equal.

    >>> on_calendar("*/15 3 * * 1-5")
    'Mon..Fri *-*-* 03:00/15:00'
    """
    if schedule.strip() in _NAMES:
        return _NAMES[schedule.strip()]
    fields = schedule.lower().split()
    if len(fields) != 5:
        return None
    minute, hour, day, month, weekday = fields
    month = re.sub("[a-z]{3}", lambda each: _number(each[0], _MONTHS, 1), month)
    weekday = re.sub(
        "[a-z]{3}", lambda each: _number(each[0], [d.lower() for d in _DAYS[:7]], 0), weekday
    )
    # Of a day of the month and a day of the week cron takes either, and systemd both.
    if day != "*" and weekday != "*":
        return None
    parts = [_times(*each) for each in zip((minute, hour, day, month), _BOUNDS[:4], strict=True)]
    days = "" if weekday == "*" else _weekdays(weekday)
    if None in parts or days is None:
        return None
    minutes, hours, days_of_month, months = parts
    return f"{days} *-{months}-{days_of_month} {hours}:{minutes}:00".strip()


def _number(name: str, names: list[str], first: int) -> str:
    return str(names.index(name) + first) if name in names else name


def _ranges(text: str, bounds: tuple[int, int]) -> list[tuple[int, int, int, bool]] | None:
    """Each part of a list: first, last, step, and whether it begins at the first of all."""
    low, high = bounds
    found = []
    for part in text.split(","):
        match = _FIELD.fullmatch(part)
        if not match:
            return None
        whole = match[1] == "*"
        first, _, last = match[1].partition("-")
        begin = low if whole else int(first)
        end = high if whole or (not last and match[2]) else int(last or first)
        step = int(match[2] or 1)
        if not low <= begin <= end <= high or step == 0:
            return None
        found.append((begin, end, step, whole))
    return found


def _times(text: str, bounds: tuple[int, int]) -> str | None:
    ranges = _ranges(text, bounds)
    if ranges is None:
        return None
    parts = []
    for begin, end, step, whole in ranges:
        if whole and step == 1:
            return "*"
        if begin == end:
            parts.append(f"{begin:02}")
        elif end == bounds[1] and step > 1:
            parts.append(f"{begin:02}/{step}")
        else:
            parts.append(f"{begin:02}..{end:02}" + (f"/{step}" if step > 1 else ""))
    return ",".join(parts)


def _weekdays(text: str) -> str | None:
    ranges = _ranges(text, _BOUNDS[4])
    if ranges is None:
        return None
    days = {day % 7 for begin, end, step, _ in ranges for day in range(begin, end + 1, step)}
    if len(days) == 7:
        return ""
    if days == {1, 2, 3, 4, 5}:
        return "Mon..Fri"
    # A week of systemd begins on Monday.
    return ",".join(_DAYS[day] for day in sorted(days, key=lambda day: (day - 1) % 7))
