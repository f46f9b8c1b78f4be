"""The price of a resource by the hour and by the month, and of several together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from skytier.costs.charge import charges
from skytier.costs.meters import HOURS_A_MONTH, meters
from skytier.costs.money import HOURLY, exact_sum, rounded, shares, unit_of
from skytier.costs.rates import Rates
from skytier.costs.usage import Resource, used


@dataclass(frozen=True)
class Line:
    """One part of a price: 2 GiB of RAM at 0.02 for each and hour."""

    what: str
    quantity: Decimal
    unit: str
    """`vCPU`, `GiB`, `GB`, `server`, `address`"""
    rate: Decimal
    period: str
    """`hour` or `month`: what the rate is for."""
    per_hour: Decimal
    """Rounded to six places, so that the lines of a price add up to it."""
    per_month: Decimal
    """Rounded to the cent in the same way."""


@dataclass(frozen=True)
class Price:
    """What a resource costs. Without a known price both amounts are None, and it says why."""

    currency: str
    per_hour: Decimal | None
    """Six places."""
    per_month: Decimal | None
    """In whole cents, or what the currency has instead: 730 hours."""
    lines: tuple[Line, ...] = ()
    unknown: str = ""
    """`the rates have no ram_gib_hour`"""


@dataclass(frozen=True)
class Total:
    """The sum of what is known, and how many prices are not in it. A month is 730 hours."""

    currency: str
    per_hour: Decimal
    """Of what is to be paid, with six places."""
    listed: Decimal
    """The sum of the resources' prices for a month."""
    reduction: Decimal
    """What free allowances and tiers take off that; negative where a higher tier is dearer."""
    tax: Decimal
    unknown: int

    @property
    def per_month(self) -> Decimal:
        """What is to be paid."""
        return self.listed - self.reduction + self.tax


def price(rates: Rates, resource: Resource) -> Price:
    """A resource at the first tier's rates, as if nothing were free.

    Of one that is there at some hours alone it is an average hour and month.

    >>> from skytier.costs.rates import EXAMPLE
    >>> from skytier.costs.usage import Kind
    >>> small = Resource(kind=Kind.SERVER, flavor="m1.small", vcpus=1, ram_mib=2048, disk_gib=20)
    >>> price(EXAMPLE, small).per_month
    Decimal('67.70')
    """
    own = frozenset(rates.flavor_hour), frozenset(rates.volume_type_gb_month)
    parts = [(meter, units, rates.rate(meter)) for meter, units in meters(resource, *own)]
    if missing := [meter.dotted for meter, _, rate in parts if rate is None]:
        why = f"the rates have no {' and no '.join(missing)}"
        return Price(rates.currency, None, None, unknown=why)
    hourly = [
        units * Fraction(rate or 0) * 3600 / meter.seconds * resource.share
        for meter, units, rate in parts
    ]
    unit = unit_of(rates.currency)
    monthly = shares([each * HOURS_A_MONTH for each in hourly], unit)
    lines = [
        Line(meter.what, _decimal(units), meter.unit, rate or Decimal(0), meter.period, hour, month)
        for (meter, units, rate), hour, month in zip(
            parts, shares(hourly, HOURLY), monthly, strict=True
        )
    ]
    whole = sum(hourly, Fraction(0))
    return Price(
        rates.currency,
        rounded(whole, HOURLY),
        rounded(whole * HOURS_A_MONTH, unit),
        tuple(lines),
    )


def total(rates: Rates, resources: Iterable[Resource]) -> Total:
    """The sum for a month of 730 hours in which nothing changes."""
    listed = list(resources)
    prices = [price(rates, resource) for resource in listed]
    unit = unit_of(rates.currency)
    net = exact_sum([0 * unit, *(p.per_month for p in prices if p.per_month is not None)])
    hour = exact_sum([0 * HOURLY, *(p.per_hour for p in prices if p.per_hour is not None)])
    reduction, percent = _reduction(rates, listed), Fraction(rates.tax_percent or 0) / 100
    return Total(
        rates.currency,
        rounded((Fraction(hour) - Fraction(reduction) / HOURS_A_MONTH) * (1 + percent), HOURLY),
        net,
        reduction,
        rounded(Fraction(net - reduction) * percent, unit),
        sum(each.per_month is None for each in prices),
    )


def _reduction(rates: Rates, resources: Sequence[Resource]) -> Decimal:
    if not rates.free and not rates.tiers:
        return 0 * unit_of(rates.currency)
    # Any month that has room for 730 hours.
    start = datetime(2026, 1, 1, tzinfo=UTC)
    month = [
        used(each, start, start + timedelta(seconds=int(HOURS_A_MONTH * 3600 * each.share)))
        for each in resources
        if price(rates, each).per_month is not None
    ]
    plain = rates.model_copy(update={"free": {}, "tiers": {}})
    before, after = (
        sum((charge.amount for charge in charges(card, month)), Fraction(0))
        for card in (plain, rates)
    )
    return rounded(before - after, unit_of(rates.currency))


def _decimal(units: Fraction) -> Decimal:
    return Decimal(units.numerator) / units.denominator
