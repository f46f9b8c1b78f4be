"""CloudKitty, OpenStack's rating service: its rates as a rate card, its bill beside ours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from skytier.costs.money import rounded, unit_of
from skytier.costs.rates import HOURS_A_MONTH, Rates
from skytier.costs.statement import Statement
from skytier.costs.usage import Kind

PERIOD_S = 3600
"""How often CloudKitty collects where nobody set it otherwise: a mapping is the cost of that."""

Document = Mapping[str, Any]
"""One object of the API's JSON; read it with `parse_float=Decimal`."""

_KINDS = {
    "instance": Kind.SERVER,
    "volume.size": Kind.VOLUME,
    "snapshot.size": Kind.SNAPSHOT,
    "image.size": Kind.IMAGE,
    "radosgw.objects.size": Kind.OBJECTS,
    "ip.floating": Kind.FLOATING_IP,
    "network.outgoing.bytes": Kind.TRAFFIC,
}
"""The metrics of CloudKitty's own metrics.yml, and the kind that each is about."""
_KEYS = {
    Kind.VOLUME: "volume_gb_month",
    Kind.SNAPSHOT: "snapshot_gb_month",
    Kind.IMAGE: "image_gb_month",
    Kind.OBJECTS: "object_gb_month",
    Kind.FLOATING_IP: "floating_ip_hour",
    Kind.TRAFFIC: "traffic_gb",
}
_TABLES = {Kind.SERVER: "flavor_hour", Kind.VOLUME: "volume_type_gb_month"}
_FIELDS = {Kind.SERVER: ("flavor", "flavor_name", "flavor_id"), Kind.VOLUME: ("volume_type",)}
_UNITS = {"image.size": "MiB", "network.outgoing.bytes": "MB"}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True)
class HashMap:
    """The rules of the hashmap module, as `/v1/rating/module_config/hashmap/...` lists them.

    There is no version 2 of these; without an administrator's role a cloud may refuse them.
    """

    services: Sequence[Document]
    """`{"service_id", "name"}`"""
    fields: Sequence[Document]
    """`{"field_id", "service_id", "name"}`"""
    mappings: Sequence[Document]
    """`{"mapping_id", "service_id" or "field_id", "value", "type", "cost", "group_id",
    "tenant_id"}`"""
    thresholds: Sequence[Document] = ()
    """`{"threshold_id", "service_id" or "field_id", "level", "type", "cost", "group_id"}`"""


@dataclass(frozen=True)
class Adapted:
    """A rate card made of CloudKitty's rules, and what of them it could not take over."""

    rates: Rates
    left_out: Sequence[str]
    """A sentence each. With any of them our sums are not what CloudKitty charges."""


@dataclass(frozen=True)
class Rated:
    """What CloudKitty has charged for one kind of thing."""

    type: str
    """The metric: `instance`, `volume.size`"""
    begin: datetime
    end: datetime
    quantity: Decimal
    amount: Decimal
    """In the currency of whoever runs the cloud, which CloudKitty does not say."""

    @property
    def kind(self) -> Kind | None:
        """What we call it; None for a metric of the cloud's own."""
        return _KINDS.get(self.type)


@dataclass(frozen=True)
class Compared:
    """One kind of thing as we price it and as CloudKitty did, each None where it has none."""

    what: str
    ours: Decimal | None
    theirs: Decimal | None

    @property
    def difference(self) -> Decimal:
        """Theirs minus ours."""
        return (self.theirs or Decimal(0)) - (self.ours or Decimal(0))


def adapted(
    rules: HashMap,
    currency: str,
    flavors: Mapping[str, str],
    project: str = "",
    units: Mapping[str, str] | None = None,
    period_s: int = PERIOD_S,
) -> Adapted:
    """The hashmap's flat and rate mappings as a rate card.

    `flavors` is id to name, `project` an id, since a mapping may be for one project alone.
    `units` is metric to unit, as `/v1/info/metrics` has them, and as CloudKitty's own metrics.yml
    where it is left out. Thresholds go by the size of one item and are no tiers
    of ours, so they are left out, as are mappings of fields that are in no rate card.
    """
    found: dict[str, Any] = defaultdict(dict)
    left_out = [f"thresholds ({len(rules.thresholds)})"] if rules.thresholds else []
    mappings = [m for m in rules.mappings if m.get("tenant_id") in (None, "", project)]
    for service in rules.services:
        name, kind = str(service["name"]), _KINDS.get(str(service["name"]))
        own = [m for m in mappings if m.get("service_id") == service["service_id"]]
        fields = [f for f in rules.fields if f.get("service_id") == service["service_id"]]
        unit = {**_UNITS, **(units or {})}.get(name, "GiB")
        if kind is None or (kind in _KEYS and kind is not Kind.FLOATING_IP and unit not in _BYTES):
            left_out.append(f"the metric {name}")
            continue
        by_key = _factor(kind, unit, period_s)
        if own and kind in _KEYS:
            found[_KEYS[kind]] = _number(by_key * _price(own, []))
        elif own:
            every = _number(by_key * _price(own, []))
            found[_TABLES[kind]] = dict.fromkeys(flavors.values(), every)
        for field in fields:
            special = [m for m in mappings if m.get("field_id") == field["field_id"]]
            if field["name"] not in _FIELDS.get(kind, ()):
                left_out += [f"prices by {field['name']} of the metric {name}"] if special else []
                continue
            for value in sorted({str(m["value"]) for m in special}):
                rate = by_key * _price(own, [m for m in special if str(m["value"]) == value])
                named = flavors.get(value, value) if kind is Kind.SERVER else value
                found[_TABLES[kind]][named] = _number(rate)
    return Adapted(Rates(currency=currency, **found), sorted(left_out))


def _price(own: Sequence[Document], special: Sequence[Document]) -> Fraction:
    """What one unit costs for a period: in each group the dearest flat one, times all rates."""
    flats: dict[object, Fraction] = defaultdict(Fraction)
    factors: dict[object, Fraction] = defaultdict(lambda: Fraction(1))
    for mapping in [*own, *special]:
        group, cost = mapping.get("group_id"), Fraction(Decimal(str(mapping["cost"])))
        if mapping["type"] == "rate":
            factors[group] *= cost
        else:
            flats[group] = max(flats[group], cost)
    return sum((flat * factors[group] for group, flat in flats.items()), Fraction(0))


def _factor(kind: Kind, unit: str, period_s: int) -> Fraction:
    """From CloudKitty's unit and period to those of the rate card's key."""
    hourly = Fraction(3600, period_s)
    if kind in (Kind.SERVER, Kind.FLOATING_IP):
        return hourly
    size = Fraction(2**30, _BYTES[unit])
    return size if kind is Kind.TRAFFIC else size * hourly * HOURS_A_MONTH


def _number(exact: Fraction) -> Decimal:
    """With as many digits as CloudKitty keeps, and without the zeros at the end."""
    return Decimal(f"{rounded(exact, Decimal(1).scaleb(-28)):f}".rstrip("0").rstrip("."))


def rated(summary: Document) -> list[Rated]:
    """The rows of `/v2/summary?groupby=type`, whatever else they are grouped by."""
    rows = [dict(zip(summary["columns"], row, strict=True)) for row in summary["results"]]
    return [
        Rated(
            str(row["type"]),
            datetime.fromisoformat(row["begin"]),
            datetime.fromisoformat(row["end"]),
            Decimal(str(row["qty"])),
            Decimal(str(row["rate"])),
        )
        for row in rows
    ]


def side_by_side(ours: Statement, theirs: Iterable[Rated]) -> list[Compared]:
    """Both bills for one time by kind, in the order of their names; ours without tax."""
    mine = {str(kind): amount for kind, amount in ours.by(lambda c: c.usage.kind).items()}
    exact: dict[str, Decimal] = defaultdict(Decimal)
    for each in theirs:
        exact[str(each.kind or each.type)] += each.amount
    unit = unit_of(ours.currency)
    rows = sorted({*mine, *exact})
    return [
        Compared(what, mine.get(what), rounded(exact[what], unit) if what in exact else None)
        for what in rows
    ]
