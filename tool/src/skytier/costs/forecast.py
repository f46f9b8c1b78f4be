"""What a month will have cost at its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction

from skytier.costs import clock
from skytier.costs.charge import Charge
from skytier.costs.money import rounded, unit_of
from skytier.costs.statement import Statement, daily
from skytier.costs.usage import ResourceKind

LOOK_BACK_DAYS = 30
ENOUGH_DAYS = 2


@dataclass(frozen=True)
class Forecast:
    """A month's cost with tax, in whole units of the currency."""

    currency: str
    month: date
    """Its first day."""
    so_far: Decimal
    per_hour: Decimal
    """What runs now costs each hour; six places."""
    expected: Decimal
    """So far, and what runs now until the month's end."""
    low: Decimal
    """As expected, but if the days to come were as cheap as the cheapest tenth of the last 30."""
    high: Decimal
    """If they were as dear as the dearest tenth."""
    days: int
    """How many whole days the range was taken from; with fewer than 2 there is none."""

    def passes(self, budget: Decimal) -> bool:
        """Whether the month is expected to cost more."""
        return self.expected > budget


def forecast(bill: Statement, now: datetime) -> Forecast:
    """Look ahead from a bill whose charges reach to `now`, and back 30 days if possible.

    What runs now are the charges that reach to `now`; traffic goes on as on the whole days before.
    """
    second, zone = clock.second_of(now), bill.zone
    today = clock.day_of(second, zone)
    month = today.replace(day=1)
    left = clock.midnight((month + timedelta(days=32)).replace(day=1), zone) - second
    tax = 1 + Fraction(max((c.tax_percent for c in bill.charges), default=Decimal(0))) / 100
    per_second = tax * (_running(bill.charges, second) + _traffic(bill.charges, today, zone))
    unit = unit_of(bill.currency)
    so_far = next((each.gross for each in bill.months if each.month == month), 0 * unit)

    def at_end(each_second: Fraction) -> Decimal:
        return so_far + rounded(each_second * left, unit)

    low = high = per_second
    whole = _whole_days(bill.charges, today, zone)
    if len(whole) >= ENOUGH_DAYS:
        tenth = len(whole) // 10
        low, high = min(low, tax * whole[tenth]), max(high, tax * whole[-1 - tenth])
    return Forecast(
        bill.currency,
        month,
        so_far,
        rounded(per_second * 3600, Decimal("0.000001")),
        at_end(per_second),
        at_end(low),
        at_end(high),
        len(whole),
    )


def _running(charges: Sequence[Charge], now: int) -> Fraction:
    """What runs now costs each second."""
    at_work = (
        c for c in charges if c.end >= now > c.begin and c.usage.kind is not ResourceKind.TRAFFIC
    )
    return sum((c.amount / (c.end - c.begin) for c in at_work), Fraction(0))


def _traffic(charges: Sequence[Charge], today: date, zone: tzinfo) -> Fraction:
    """What traffic cost each second of the last whole days that it was counted on."""
    days = _whole_days([c for c in charges if c.usage.kind is ResourceKind.TRAFFIC], today, zone)
    return sum(days, Fraction(0)) / len(days) if days else Fraction(0)


def _whole_days(charges: Sequence[Charge], today: date, zone: tzinfo = UTC) -> list[Fraction]:
    """What each second cost on each of the last whole days, sorted.

    The first day of the charges may be one in part, and is none of them.
    """
    found = dict(daily(charges, zone))
    first = min(found, default=today)
    since = max(first + timedelta(days=1), today - timedelta(days=LOOK_BACK_DAYS))
    return sorted(
        amount / (clock.midnight(day + timedelta(days=1), zone) - clock.midnight(day, zone))
        for day, amount in found.items()
        if since <= day < today
    )
