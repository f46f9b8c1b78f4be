"""The price of a resource by the hour and by the month, and of several together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from skytier.costs.money import CENT, HOURLY, exact_sum, rounded, shares
from skytier.costs.rates import HOURS_A_MONTH, Rates


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
    """Two places: 730 hours."""
    lines: tuple[Line, ...] = ()
    unknown: str = ""
    """`the rates have no ram_gib_hour`"""


@dataclass(frozen=True)
class Total:
    """The sum of what is known, and how many prices are not in it."""

    currency: str
    per_hour: Decimal
    per_month: Decimal
    unknown: int


@dataclass(frozen=True)
class _Part:
    what: str
    quantity: Decimal
    unit: str
    key: str
    """The key of the rates, which ends with the period."""
    rate: Decimal | None


def server(rates: Rates, flavor: str, vcpus: int, ram_mib: int, disk_gib: int) -> Price:
    """A server by its flavor's own rate where there is one, else by vCPU, RAM and disk.

    >>> from skytier.costs.rates import EXAMPLE
    >>> server(EXAMPLE, "m1.small", vcpus=1, ram_mib=2048, disk_gib=20).per_month
    Decimal('67.70')
    """
    if flavor in rates.flavor_hour:
        whole = rates.flavor_hour[flavor]
        return _price(rates, [_Part(flavor, Decimal(1), "server", "flavor_hour", whole)])
    return _price(
        rates,
        [
            _Part("vCPU", Decimal(vcpus), "vCPU", "vcpu_hour", rates.vcpu_hour),
            _Part("RAM", Decimal(ram_mib) / 1024, "GiB", "ram_gib_hour", rates.ram_gib_hour),
            _Part("disk", Decimal(disk_gib), "GB", "disk_gb_month", rates.disk_gb_month),
        ],
    )


def floating_ip(rates: Rates) -> Price:
    """A floating IP, which costs from when it is allocated, used or not."""
    rate = rates.floating_ip_hour
    return _price(rates, [_Part("floating IP", Decimal(1), "address", "floating_ip_hour", rate)])


def volume(rates: Rates, size_gib: int, volume_type: str | None = None) -> Price:
    """A volume by its type's own rate where there is one, else by the one for all."""
    rate = rates.volume_type_gb_month.get(volume_type or "", rates.volume_gb_month)
    return _price(rates, [_Part("volume", Decimal(size_gib), "GB", "volume_gb_month", rate)])


def total(rates: Rates, prices: Iterable[Price]) -> Total:
    """The sum, which equals the amounts as they are shown to the cent."""
    listed = list(prices)
    return Total(
        rates.currency,
        exact_sum([p.per_hour for p in listed if p.per_hour is not None] or [0 * HOURLY]),
        exact_sum([p.per_month for p in listed if p.per_month is not None] or [0 * CENT]),
        sum(p.per_month is None for p in listed),
    )


def _price(rates: Rates, parts: Sequence[_Part]) -> Price:
    parts = [part for part in parts if part.quantity]
    missing = [part.key for part in parts if part.rate is None]
    if missing:
        why = f"the rates have no {' and no '.join(missing)}"
        return Price(rates.currency, None, None, unknown=why)
    hourly, monthly = [], []
    with localcontext(prec=60):
        for part in parts:
            amount = part.quantity * (part.rate or 0)
            by_hour = part.key.endswith("_hour")
            hourly.append(amount if by_hour else amount / HOURS_A_MONTH)
            monthly.append(amount * HOURS_A_MONTH if by_hour else amount)
    lines = [
        Line(
            part.what,
            part.quantity,
            part.unit,
            part.rate or Decimal(0),
            part.key.rpartition("_")[2],
            hour,
            month,
        )
        for part, hour, month in zip(parts, shares(hourly, HOURLY), shares(monthly), strict=True)
    ]
    return Price(
        rates.currency,
        rounded(exact_sum(hourly), HOURLY),
        rounded(exact_sum(monthly)),
        tuple(lines),
    )
