"""Bills of a period, worked out by hand."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.cli.cost import shown
from skytier.cli.cost.page import page
from skytier.costs.charge import charges
from skytier.costs.cloudkitty.rated import Compared
from skytier.costs.period import Period, period
from skytier.costs.rates import EXAMPLE, Rates
from skytier.costs.report import By, Report, report
from skytier.costs.usage import ResourceKind, Usage
from skytier.errors import SkytierError

from ...skytier_command import Skytier

NOW = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
HOUR = Period(datetime(2026, 11, 3, 10, tzinfo=UTC), datetime(2026, 11, 3, 11, tzinfo=UTC))


def small(name: str, period: Period = HOUR, **more: object) -> Usage:
    stack, role, _ = name.split("-")
    what = {"stack": stack, "role": role, "start": period.start, "end": period.end, **more}
    return Usage(
        kind=ResourceKind.SERVER,
        id=f"id of {name}",
        name=name,
        flavor="m1.small",
        vcpus=1,
        ram_mib=2048,
        disk_gib=20,
        **what,  # type: ignore[arg-type]
    )


def address(period: Period = HOUR) -> Usage:
    return Usage(
        kind=ResourceKind.FLOATING_IP,
        id="ip",
        name="shop-web-1",
        stack="shop",
        role="web",
        start=period.start,
        end=period.end,
    )


def three() -> list[Usage]:
    return [small("shop-web-1"), small("shop-database-1"), address()]


def bill(usages: list[Usage], rates: Rates = EXAMPLE, **more: object) -> Report:
    return report(rates, usages, HOUR, "stack shop", **more)  # type: ignore[arg-type]


def test_two_small_servers_and_a_floating_ip_for_an_hour_line_by_line() -> None:
    found = bill(three())

    lines = [(line.resource, line.what, str(line.amount)) for line in found.statement.lines()]
    # 0.01 + 2 x (0.05 + 2 x 0.02 + 20 x 0.10 / 730) = 0.19547945
    assert str(found.statement.gross) == "0.20"
    assert lines == [
        ("floating IP shop-web-1", "floating IP", "0.01"),
        ("server shop-database-1", "disk", "0.01"),
        ("server shop-database-1", "RAM", "0.04"),
        ("server shop-database-1", "vCPU", "0.05"),
        ("server shop-web-1", "disk", "0.00"),
        ("server shop-web-1", "RAM", "0.04"),
        ("server shop-web-1", "vCPU", "0.05"),
    ]


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (By.ROLE, [("web", "0.10"), ("database", "0.10")]),
        (By.KIND, [("server", "0.19"), ("floating IP", "0.01")]),
        (By.STACK, [("shop", "0.20")]),
        (By.LABEL, [("(none)", "0.20")]),
        (By.DAY, [("2026-11-03", "0.20")]),
        (By.MONTH, [("2026-11", "0.20")]),
    ],
)
def test_a_report_has_a_row_for_each_and_they_add_up(by: By, rows: list[tuple[str, str]]) -> None:
    found = bill(three()).amounts(by)

    assert sorted((name, str(amount)) for name, amount in found) == sorted(rows)


def test_of_another_stack_only_the_whole_project_has_something() -> None:
    both = [*three(), small("other-web-1")]

    assert str(bill(both, stack="shop").statement.net) == "0.20"
    assert str(bill(both).statement.net) == "0.29"


def test_what_was_free_before_the_period_is_used_up() -> None:
    card = {"vcpu_hour": 1, "ram_gib_hour": 0, "disk_gb_month": 0, "free": {"vcpu_hour": 10}}
    rates = Rates.model_validate(card)
    since = Period(HOUR.start - timedelta(hours=10), HOUR.end)

    found = bill([small("shop-web-1", since)], rates)

    # Of the 11 hours the first 10 were free; the hour of the report is the last.
    assert str(found.statement.net) == "1.00"


def test_a_summer_days_end_is_the_zones_own() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    day = period("2026-10-25", "2026-10-25", berlin, NOW)
    found = report(EXAMPLE, [small("shop-web-1", day)], day, "stack shop")

    # The clock goes back: the day has 25 hours. 25 x (0.05 + 0.04 + 20 x 0.10 / 730) = 2.3185
    assert day.end - day.start == timedelta(hours=25)
    assert found.amounts(By.DAY) == [("2026-10-25", Decimal("2.32"))]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2026-10", "2026-10", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("2026-10-05", "2026-10-06", "2026-10-05T00:00", "2026-10-07T00:00"),
        ("2026-11", "2026-11", "2026-11-01T00:00", "2026-11-24T18:30"),
        ("-24h", "now", "2026-11-23T18:30", "2026-11-24T18:30"),
        ("2026-11-24T12:30", "now", "2026-11-24T12:30", "2026-11-24T18:30"),
    ],
)
def test_a_period_is_a_month_a_day_or_how_long_ago(
    start: str, end: str, first: str, last: str
) -> None:
    found = period(start, end, now=NOW)

    assert (f"{found.start:%Y-%m-%dT%H:%M}", f"{found.end:%Y-%m-%dT%H:%M}") == (first, last)


def test_a_typed_time_is_the_zones_own() -> None:
    found = period("2026-11-24T12:30", "2026-11-24T13:30", ZoneInfo("Europe/Berlin"), NOW)

    assert (found.start.hour, found.end.hour) == (11, 12)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-12", "2026-12", "lies ahead"),
        ("2026-11", "2026-10", "ends before it begins"),
        ("2026-13", "now", "'2026-13' is not a time"),
        ("2026-10", "20261031", "'20261031' is not a time"),
        ("2026-W10", "now", "'2026-W10' is not a time"),
        ("yesterday", "now", "'yesterday' is not a time"),
    ],
)
def test_a_wrong_period_is_one_clear_line(start: str, end: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        period(start, end, now=NOW)


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 4000)), min_size=1, max_size=9))
def test_parts_of_a_time_cost_what_the_whole_of_it_costs(spans: list[tuple[int, int]]) -> None:
    whole = Period(HOUR.start, HOUR.start + timedelta(seconds=8000))
    middle = whole.start + timedelta(seconds=3333)
    halves = [Period(whole.start, middle), Period(middle, whole.end)]
    used = [
        small(
            f"shop-web-{n}",
            start=whole.start + timedelta(seconds=begin),
            end=whole.start + timedelta(seconds=begin + length),
        )
        for n, (begin, length) in enumerate(spans)
    ]

    priced = charges(EXAMPLE, used)

    parts = [sum(each.amount for each in half.charges(priced)) for half in halves]
    assert sum(parts) == sum(each.amount for each in whole.charges(priced))


def test_for_scripts_money_is_text_and_quantities_have_six_places() -> None:
    found = json.loads(json.dumps(shown.as_data(bill(three()), By.RESOURCE, [])))

    assert found["gross"] == "0.20"
    assert found["example_rates"] is True
    assert found["rows"][2] == {
        "kind": "server",
        "name": "shop-database-1",
        "id": "id of shop-database-1",
        "stack": "shop",
        "role": "database",
        "labels": "",
        "part": "RAM",
        "quantity": "2.000000",
        "unit": "GiB-hours",
        "rate": "0.02",
        "amount": "0.04",
        "currency": "USD",
    }


def test_csv_has_a_line_for_each_row_and_adds_up() -> None:
    rows = list(csv.DictReader(io.StringIO(shown.as_csv(bill(three()), By.RESOURCE))))

    assert len(rows) == 7
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("0.20")
    assert shown.as_csv(bill([]), By.ROLE) == "role,amount,currency\n"


def test_the_page_needs_nothing_else_and_has_every_line() -> None:
    note = "Of floating IPs <b>only</b> those that are there now."
    found = page(bill(three(), notes=[note]), By.ROLE, [Compared("server", Decimal(1), None)])

    assert not re.search(r"(src|href)=\"(?!#)", found)
    assert found.count("<svg") == 2
    assert found.count("<tr><td title=") == 7
    assert "&lt;b&gt;only" in found
    assert "0.20 USD, by example rates, not those of your cloud." in found


def test_a_price_that_is_not_known_is_said_and_in_no_sum() -> None:
    found = bill(three(), Rates(currency="EUR", floating_ip_hour=Decimal("0.01")))

    assert str(found.statement.gross) == "0.01"
    assert shown.remarks(found)[0].startswith("Not in the sum: server shop-database-1, RAM")
    assert [row["amount"] for row in found.rows(By.RESOURCE)] == ["0.01", *[""] * 6]


@pytest.mark.parametrize("command", ["report", "forecast", "advise", "chargeback --by team"])
def test_on_this_machine_nothing_is_billed_and_one_line_says_so(
    tmp_path: Path, command: str
) -> None:
    said = Skytier(tmp_path).ends_with(1, "cost", *command.split(), cwd=tmp_path)

    assert said.splitlines() == [
        "Error: Nothing is billed on this machine: name a cloud (--cloud NAME), or see skytier "
        "cost estimate."
    ]


def test_a_bill_of_nothing_is_0_in_whole_cents() -> None:
    assert str(bill([]).statement.gross) == "0.00"
    assert str(bill([], Rates(currency="JPY")).statement.gross) == "0"
