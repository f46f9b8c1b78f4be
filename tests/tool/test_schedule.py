"""Fewer web servers at night: when, how many, and what an average week of it costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytier.costs.bill import Bill, of_file
from skytier.costs.flavors import size
from skytier.costs.rates import EXAMPLE
from skytier.errors import SkytierError
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.stackfile.schedule import DAYS, Hours, shares

NIGHT = """[web]
count = 3
[[web.schedule]]
from = "22:00"
to = "06:00"
count = 1
timezone = "Europe/Berlin"
"""
UNBALANCED = f"{NIGHT}[balancer]\nkind = 'none'\n"
ERRORS = {
    "no end": ('from = "22:00"\ncount = 1', 3, "web.schedule lacks to. Allowed: a time of day"),
    "no time": ('from = "25:00"\nto = "06:00"\ncount = 1', 4, '"25:00" is not a time of day'),
    "no length": ('from = "06:00"\nto = "06:00"\ncount = 1', 3, "ends at the same time"),
    "none": ('from = "22:00"\nto = "06:00"\ncount = 0', 6, "web.schedule.count = 0 is too small"),
    "no day": (
        'from = "22:00"\nto = "06:00"\ncount = 1\ndays = ["Sunday"]',
        7,
        '"Sunday" is not a day of the week. Allowed: days of the week: mon,',
    ),
    "no zone": (
        'from = "22:00"\nto = "06:00"\ncount = 1\ntimezone = "Berlin"',
        7,
        'web.schedule.timezone = "Berlin" is not a time zone',
    ),
    "a typing error": (
        'from = "22:00"\nto = "06:00"\ncount = 1\ntime_zone = "UTC"',
        7,
        "web.schedule.time_zone is not a key. Did you mean timezone?",
    ),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}:00+00:00")


def servers(stack: StackFile, moment: str) -> int:
    return stack.at(utc(moment)).web.machines


def test_the_count_is_that_of_the_moment_by_the_clock_on_the_wall() -> None:
    stack = parse(NIGHT)

    # In November it is an hour later in Berlin than in UTC, in July two.
    assert [servers(stack, f"11-27T{at}") for at in ("20:59", "21:00", "23:30")] == [3, 1, 1]
    assert [servers(stack, f"11-28T{at}") for at in ("04:59", "05:00")] == [1, 3]
    assert [servers(stack, f"07-01T{at}") for at in ("19:59", "20:00")] == [3, 1]
    assert stack.at(utc("11-27T12:00")) == stack


def test_when_the_clock_is_changed_a_night_is_an_hour_shorter_or_longer() -> None:
    stack = parse(NIGHT)

    def hours(first: datetime) -> int:
        return sum(stack.at(first + timedelta(hours=n)).web.machines == 1 for n in range(24))

    # From noon to noon over the nights of 28 March and 24 October.
    assert hours(utc("03-27T12:00")) == 8
    assert hours(utc("03-28T12:00")) == 7
    assert hours(utc("10-24T12:00")) == 9


def test_hours_that_the_clock_skips_are_not_there_and_those_it_repeats_are_there_twice() -> None:
    (hours,) = parse(NIGHT.replace("22:00", "02:10").replace("06:00", "02:50")).web.schedule

    def minutes(begin: datetime) -> int:
        return sum(hours.has(begin + timedelta(minutes=minute)) for minute in range(24 * 60))

    assert minutes(utc("03-28T23:00")) == 0
    assert minutes(utc("10-24T22:00")) == 80


def test_a_night_belongs_to_the_day_on_which_it_begins_and_the_first_section_counts() -> None:
    stack = parse(
        'web.count = 4\n[[web.schedule]]\nfrom = "22:00"\nto = "06:00"\ncount = 1\ndays = ["fri"]\n'
        '[[web.schedule]]\nfrom = "20:00"\nto = "23:00"\ncount = 6\n'
    )

    # 27 November 2026 is a Friday.
    found = [servers(stack, f"11-{at}") for at in ("26T22:30", "27T05:00", "27T21:00", "27T22:30")]
    assert found == [6, 4, 6, 1]
    assert [servers(stack, f"11-28T{at}") for at in ("05:59", "06:00")] == [1, 4]


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_says_the_line_and_what_it_holds(case: str) -> None:
    keys, line, said = ERRORS[case]

    with pytest.raises(SkytierError) as error:
        parse(f"[web]\ncount = 3\n[[web.schedule]]\n{keys}\n")

    assert f"skytier.toml, line {line}: " in error.value.what
    assert said in error.value.what


def test_an_average_week_is_priced_by_its_hours() -> None:
    stack = parse(UNBALANCED)
    small = size(EXAMPLE, "m1.small")

    bill = Bill(EXAMPLE, of_file(stack, ROLES, {"web": small, "database": small}))

    # 16 of 24 hours of a server of 133.40 and of an address of 7.30.
    found = {
        f"{resource}": str(price.per_month)
        for resource, price in zip(bill.resources, bill.prices, strict=True)
    }
    assert found["server skytier-web-1"] == "133.40"
    assert found["server skytier-web-2"] == found["server skytier-web-3"] == "88.93"
    assert found["floating IP skytier-web-3"] == "4.87"
    assert bill.total.per_month == Decimal("461.70")


def test_free_hours_and_tiers_count_the_hours_of_the_schedule() -> None:
    rates = EXAMPLE.model_copy(update={"free": {"floating_ip_hour": Decimal(1000)}})
    small = size(EXAMPLE, "m1.small")

    bill = Bill(rates, of_file(parse(UNBALANCED), ROLES, {"web": small, "database": small}))

    # 730 hours and twice two thirds of them are 1703.33, of which 1000 at 0.01 are free.
    assert bill.total.reduction == Decimal("10.00")
    assert bill.total.per_month == Decimal("451.70")


@st.composite
def schedules(draw: st.DrawFn) -> Hours:
    first, last = draw(st.lists(st.integers(0, 24 * 60 - 1), min_size=2, max_size=2, unique=True))
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True))
    return Hours.model_validate(
        {
            "from": f"{first // 60:02}:{first % 60:02}",
            "to": f"{last // 60:02}:{last % 60:02}",
            "count": draw(st.integers(1, 5)),
            "days": days,
        }
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(schedules(), max_size=3), st.integers(1, 5))
def test_the_shares_are_those_of_the_minutes_of_a_week(schedule: list[Hours], count: int) -> None:
    found = shares(schedule, count)
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    web = StackFile().web.model_copy(update={"count": count, "schedule": tuple(schedule)})
    there = [web.at(monday + timedelta(minutes=minute)).count for minute in range(10080)]

    assert found == sorted(found, reverse=True)
    assert found[0] == 1
    assert sum(found, Fraction(0)) == Fraction(sum(there), 10080)
