"""What holds of any bill: for any usages, rates, tiers, allowances, changes, zones and taxes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from skytier.costs.charge import charges
from skytier.costs.chargeback import STACK, chargeback
from skytier.costs.money import unit_of
from skytier.costs.rates import COUNTED, STATES, Card, Rates
from skytier.costs.statement import Statement, statement
from skytier.costs.usage import ResourceKind, Usage

FEW = settings(max_examples=40)
"""An example is a whole bill of many usages: it has most cases in it at once."""

BEGIN = datetime(2026, 2, 20, tzinfo=UTC)
SECONDS = 80 * 86400
"""Three month ends, and the day on which the clock changes in Europe."""

rate = st.decimals(0, 100, places=3)
some = st.decimals("0.01", 1000, places=2)
zones = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland")])
second = st.integers(0, SECONDS)
labels = st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from("abc"))


@st.composite
def cards(draw: st.DrawFn) -> dict[str, object]:
    """Keys of a rate card, of which any may be missing."""
    found: dict[str, object] = draw(
        st.dictionaries(st.sampled_from([*COUNTED, "tax_percent"]), rate)
    )
    found["free"] = draw(st.dictionaries(st.sampled_from(COUNTED), some, max_size=3))
    tiers = st.dictionaries(some, rate, min_size=1, max_size=3)
    found["tiers"] = draw(st.dictionaries(st.sampled_from(COUNTED), tiers, max_size=3))
    found["states"] = draw(st.dictionaries(st.sampled_from(STATES), rate, max_size=3))
    found["flavor_hour"] = draw(st.dictionaries(st.just("own"), rate))
    return found


@st.composite
def rate_cards(draw: st.DrawFn) -> Rates:
    days = st.dates(date(2026, 2, 1), date(2026, 6, 1))
    changes = draw(st.dictionaries(days, cards(), max_size=2))
    return Rates(
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        valid_from={day: Card.model_validate(change) for day, change in changes.items()},
        **draw(cards()),  # type: ignore[arg-type]
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    start, end = sorted((draw(second), draw(second)))
    return Usage(
        kind=draw(st.sampled_from(ResourceKind)),
        id=draw(st.sampled_from("123456")),
        stack=draw(st.sampled_from(["", "shop", "blog"])),
        role=draw(st.sampled_from(["web", "database"])),
        labels=draw(labels),
        state=draw(st.sampled_from(["active", "stopped", "shelved_offloaded"])),
        flavor=draw(st.sampled_from(["m1.small", "own"])),
        vcpus=draw(st.integers(0, 8)),
        ram_mib=draw(st.integers(1, 2**14)),
        disk_gib=draw(st.integers(0, 100)),
        size_gb=draw(st.integers(0, 1000)),
        bytes_out=draw(st.integers(0, 2**40)),
        start=BEGIN + timedelta(seconds=start),
        end=BEGIN + timedelta(seconds=end),
    )


lists = st.lists(usages(), max_size=8)


def bill(rates: Rates, used: Sequence[Usage], zone: tzinfo = UTC) -> Statement:
    return statement(rates, charges(rates, used, zone), zone)


def within(used: Sequence[Usage], first: int, last: int) -> list[Usage]:
    """What of the usages lies in a period, their traffic in proportion to the time."""
    start, end = BEGIN + timedelta(seconds=first), BEGIN + timedelta(seconds=last)
    found = []
    for each in used:
        since, until = max(each.start, start), min(each.end, end)
        if since < until:
            part = (until - since) / (each.end - each.start)
            sent = int(each.bytes_out * part)
            found.append(replace(each, start=since, end=until, bytes_out=sent))
    return found


@FEW
@given(rate_cards(), lists, zones)
def test_days_add_up_to_months_and_every_split_to_the_bill(
    rates: Rates, used: list[Usage], zone: tzinfo
) -> None:
    found = bill(rates, used, zone)

    months: dict[date, Decimal] = defaultdict(Decimal)
    for day, amount in found.by_day().items():
        months[day.replace(day=1)] += amount
    assert months == found.by_month()
    by_kind_and_day = found.by_day_and(lambda charge: charge.usage.kind)
    for parts in (
        found.by(lambda charge: charge.usage.role).values(),
        found.by(lambda charge: charge.resource).values(),
        [line.amount for line in found.lines()],
        by_kind_and_day.values(),
    ):
        assert sum(parts) == found.net
        assert all(part >= 0 for part in parts)


@FEW
@given(rate_cards(), lists, zones)
def test_what_is_shown_is_within_a_cent_a_month_of_what_is_exact(
    rates: Rates, used: list[Usage], zone: tzinfo
) -> None:
    found, cent = bill(rates, used, zone), Fraction(unit_of(rates.currency))

    for line in found.lines():
        assert abs(Fraction(line.amount) - line.exact) < cent * len(found.months)


@FEW
@given(rate_cards(), lists, zones, st.randoms())
def test_the_order_of_usages_does_not_matter(
    rates: Rates, used: list[Usage], zone: tzinfo, random: object
) -> None:
    shuffled = [*used]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    one, other = bill(rates, used, zone), bill(rates, shuffled, zone)

    assert one.months == other.months
    assert one.by_day() == other.by_day()
    amounts = [
        [(line.resource, line.what, line.amount) for line in b.lines()] for b in (one, other)
    ]
    assert amounts[0] == amounts[1]
    assert chargeback(one, "team") == chargeback(other, "team")


@FEW
@given(rate_cards(), lists, zones, st.lists(second, min_size=4, max_size=4).map(sorted))
def test_a_longer_period_never_costs_less(
    rates: Rates, used: list[Usage], zone: tzinfo, moments: list[int]
) -> None:
    earlier, first, last, later = moments
    # Whole bytes of traffic are lost in the cuts, and must not be what is found out here.
    timed = [each for each in used if each.kind is not ResourceKind.TRAFFIC]

    short = bill(rates, within(timed, first, last), zone)

    assert bill(rates, within(timed, first, later), zone).gross >= short.gross
    assert bill(rates, within(timed, earlier, last), zone).gross >= short.gross


@FEW
@given(rate_cards(), lists, usages(), zones)
def test_one_more_resource_never_makes_a_bill_cheaper(
    rates: Rates, used: list[Usage], more: Usage, zone: tzinfo
) -> None:
    assert bill(rates, [*used, more], zone).gross >= bill(rates, used, zone).gross


@FEW
@given(rate_cards(), lists, second)
def test_a_usage_that_is_cut_in_two_costs_the_same(
    rates: Rates, used: list[Usage], moment: int
) -> None:
    timed = [each for each in used if each.kind is not ResourceKind.TRAFFIC]
    cut = [*within(timed, 0, moment), *within(timed, moment, SECONDS)]

    assert bill(rates, cut).months == bill(rates, timed).months


@FEW
@given(rate_cards(), lists, st.sampled_from(["team", "env", STACK]), st.booleans())
def test_a_split_among_labels_never_loses_a_cent(
    rates: Rates, used: list[Usage], by: str, spread: bool
) -> None:
    found = bill(rates, used)

    shares = chargeback(found, by, spread_shared=spread)

    assert sum(share.total for share in shares) == found.gross
    assert all(share.total >= 0 for share in shares)
    assert all(sum(share.stacks.values()) == share.own for share in shares)
