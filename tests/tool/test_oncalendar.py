"""Times that come again: what is understood comes when systemd says that it comes."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from skytier.stackfile import oncalendar
from skytier.stackfile.oncalendar import NoTimeError, parse

EVENTS = [
    *("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"),
    *("*:0/5", "*:*:0/5", "*:*:*", "0:0/7", "*:5..10/2", "*:0/5:30"),
    *("Mon..Fri 03:30", "mon,WED..Friday 1,2:00", "Sat,Sun", "Sun 4:5"),
    *("*-*-01 04:00:00", "*-02-29", "2028-02-29 12:00", "1/2-* 08..18/2:00", "2027..2029-12-24"),
    *("03:30 Europe/Berlin", "02:30 Europe/Berlin", "*:0/30 Europe/Berlin", "03:30 utc"),
    *("weekly America/New_York", "Mon *-*-31 00:00"),
]
BASES = [
    *("2026-01-31 23:59:59", "2026-03-29 00:10:00", "2026-10-24 23:40:00", "2026-10-25 01:10:00"),
    *("2026-11-28 20:00:00", "2027-12-31 12:34:56", "2028-02-28 00:00:00"),
]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(event: str, after: str, count: int) -> list[datetime]:
    found, at = [], moment(after)
    parsed = parse(event)
    while len(found) < count and (each := parsed.after(at)):
        found.append(each)
        at = each
    return found


def by_systemd(event: str, after: str, count: int) -> list[datetime]:
    done = subprocess.run(
        [
            *("systemd-analyze", "calendar", f"--base-time={after} UTC"),
            *(f"--iterations={count}", event),
        ],
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"},
        check=True,
        capture_output=True,
        text=True,
    )
    said = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    return [moment(each) for each in said]


@pytest.mark.parametrize("event", EVENTS)
def test_systemd_has_the_same_times(event: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze")
    for base in BASES:
        written = parse(event).text
        # From the second of two same hours on, systemd counts that one too. A timer was started
        # before it and never does.
        if "Berlin" in event and base == "2026-10-25 01:10:00":
            continue
        assert times(event, base, 6) == by_systemd(written, base, 6), (base, written)


@pytest.mark.parametrize(
    ("event", "after", "expected"),
    [
        ("minutely", "2026-11-28 20:00:00", "2026-11-28 20:01:00"),
        ("*:0/5", "2026-11-28 20:04:59", "2026-11-28 20:05:00"),
        ("Mon..Fri 03:30", "2026-11-27 03:30:00", "2026-11-30 03:30:00"),
        ("*-*-01 04:00:00", "2026-11-28 20:00:00", "2026-12-01 04:00:00"),
        # Berlin's clocks leave 02:30 out on the one day, and show it twice on the other.
        ("02:30 Europe/Berlin", "2026-03-28 12:00:00", "2026-03-30 00:30:00"),
        ("02:30 Europe/Berlin", "2026-10-25 00:30:00", "2026-10-26 01:30:00"),
    ],
)
def test_the_next_time(event: str, after: str, expected: str) -> None:
    assert parse(event).after(moment(after)) == moment(expected)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("base", BASES)
def test_the_last_time_is_the_one_of_which_the_next_is_in_the_future(event: str, base: str) -> None:
    parsed, now = parse(event), moment(base)
    if last := parsed.at_or_before(now):
        after = parsed.after(last)
        assert last <= now
        assert after is None or after > now
        assert parsed.after(last - timedelta(seconds=1)) == last


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("*/5", "has '*/5', which is no time"),
        ("*:*/5", "which is no minute; write 0/5"),
        ("25:00", "has '25', which is no hour from 0 to 23"),
        ("*:0/90", "which is no minute from 0 to 59"),
        ("*:0/0", "which is no minute from 0 to 59"),
        ("*-*-32", "which is no day from 1 to 31"),
        ("Sat..Mon", "in the wrong order"),
        ("someday", "has 'someday', which is no day of the week"),
        ("03:30 Europe/Nowhere", "has 'Europe/Nowhere', which is no time zone"),
        ("daily Mars/Olympus", "has 'Mars/Olympus', which is no time zone"),
        ("Mon 03:30 Europe/berlin", "has 'Europe/berlin', which is no time zone"),
        ("03:30 04:30", "has '04:30', which is no time"),
        ("1-2-3-4", "is not YEAR-MONTH-DAY"),
        ("*-*~1", "which is no day"),
    ],
)
def test_what_is_no_time_is_said(text: str, said: str) -> None:
    with pytest.raises(NoTimeError, match=re.escape(said)):
        parse(text)


@pytest.mark.parametrize("text", ["*-02-30", "2020-01-01"])
def test_a_time_may_never_come(text: str) -> None:
    assert parse(text).after(moment("2026-11-28 20:00:00")) is None


def test_a_runtime_has_the_same_file() -> None:
    from skytier_runtime import oncalendar as copy

    assert copy.__file__
    with open(copy.__file__) as one, open(oncalendar.__file__) as other:  # noqa: PTH123
        assert one.read() == other.read()
