"""What CloudKitty measures, and which kind and rate of ours each metric is."""

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction

from skytier.costs.money import rounded
from skytier.costs.rates import HOURS_A_MONTH, Rates, RatesBy
from skytier.costs.usage import ResourceKind

PERIOD_S = 3600
"""How often CloudKitty collects where nobody set it otherwise: a price is the cost of that."""
NO_CURRENCY = "XXX"
"""ISO 4217's code for none: CloudKitty does not say in which currency its prices are."""

KINDS = {
    "instance": ResourceKind.SERVER,
    "volume.size": ResourceKind.VOLUME,
    "snapshot.size": ResourceKind.SNAPSHOT,
    "image.size": ResourceKind.IMAGE,
    "radosgw.objects.size": ResourceKind.OBJECTS,
    "ip.floating": ResourceKind.FLOATING_IP,
    "network.outgoing.bytes": ResourceKind.TRAFFIC,
    "network.outgoing.bytes.rate": ResourceKind.TRAFFIC,
}
"""The metrics of CloudKitty's own metrics.yml, and the kind that each is about."""
KEYS = {
    ResourceKind.VOLUME: "volume_gb_month",
    ResourceKind.SNAPSHOT: "snapshot_gb_month",
    ResourceKind.IMAGE: "image_gb_month",
    ResourceKind.OBJECTS: "object_gb_month",
    ResourceKind.FLOATING_IP: "floating_ip_hour",
    ResourceKind.TRAFFIC: "traffic_gb",
}
TABLES = {ResourceKind.SERVER: "flavor_hour", ResourceKind.VOLUME: "volume_type_gb_month"}
UNITS = {
    "image.size": "MiB",
    "network.outgoing.bytes": "MB",
    "network.outgoing.bytes.rate": "MB",
}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_FLOAT = Context(prec=15)


class CloudKittyRates(Rates):
    """A rate card that is CloudKitty's."""

    @property
    def by(self) -> RatesBy:
        """Whose rates these are."""
        return RatesBy.CLOUDKITTY


class UntoldRates(Rates):
    """A rate card without a single rate: there are prices, and nobody tells them."""

    @property
    def by(self) -> RatesBy:
        """Whose rates these are."""
        return RatesBy.NOBODY


def unit_of(metric: str, units: Mapping[str, str]) -> str:
    """The unit that a metric is counted in; `units` is what `/v1/info/metrics` has of it."""
    return {**UNITS, **units}.get(metric, "GiB")


def factor(metric: str, unit: str, period_s: int) -> Fraction | None:
    """From the price of CloudKitty's unit and period to that of the rate card's key.

    None for a metric that no key is about, or a unit that nobody knows.
    """
    kind, hourly = KINDS.get(metric), Fraction(3600, period_s)
    if kind is None:
        return None
    if kind in (ResourceKind.SERVER, ResourceKind.FLOATING_IP):
        return hourly
    if unit not in _BYTES:
        return None
    size = Fraction(2**30, _BYTES[unit])
    return size if kind is ResourceKind.TRAFFIC else size * hourly * HOURS_A_MONTH


def price(told: object) -> Decimal:
    """An amount without the noise that CloudKitty's floats bring along.

    >>> price("0.0299999999999999988897769754")
    Decimal('0.03')
    """
    return plain(_FLOAT.create_decimal(str(told)))


def number(exact: Fraction) -> Decimal:
    """With as many digits as CloudKitty keeps, and without the zeros at the end."""
    return plain(rounded(exact, Decimal(1).scaleb(-28)))


def plain(amount: Decimal) -> Decimal:
    """Without an exponent, and without the zeros at the end.

    >>> plain(Decimal("5E-7")), plain(Decimal("1.500"))
    (Decimal('5E-7'), Decimal('1.5'))
    """
    text = f"{amount:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
