"""The rules of CloudKitty's hashmap module as a rate card."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from skytier.costs.cloudkitty import metrics
from skytier.costs.cloudkitty.metrics import KEYS, KINDS, PERIOD_S, TABLES, CloudKittyRates, number
from skytier.costs.usage import ResourceKind

Document = Mapping[str, Any]
"""One object of the API's JSON; read it with `parse_float=Decimal`."""
_FIELDS = {
    ResourceKind.SERVER: ("flavor", "flavor_name", "flavor_id"),
    ResourceKind.VOLUME: ("volume_type",),
}


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
    "tenant_id", "start", "end", "deleted"}`; the last three since version 17."""
    thresholds: Sequence[Document] = ()
    """`{"threshold_id", "service_id" or "field_id", "level", "type", "cost", "group_id"}`"""


@dataclass(frozen=True)
class Adapted:
    """A rate card made of CloudKitty's rules, and what of them it could not take over."""

    rates: CloudKittyRates
    left_out: Sequence[str]
    """A sentence each. With any of them our sums are not what CloudKitty charges."""


def adapted(
    rules: HashMap,
    currency: str,
    flavors: Mapping[str, str],
    project: str = "",
    units: Mapping[str, str] | None = None,
    period_s: int = PERIOD_S,
    now: datetime | None = None,
) -> Adapted:
    """The hashmap's flat and rate mappings as a rate card: those that hold now.

    `flavors` is id to name, `project` an id, since a mapping may be for one project alone.
    `units` is metric to unit, as `/v1/info/metrics` has them, and as CloudKitty's own metrics.yml
    where it is left out. Thresholds go by the size of one item and are no tiers
    of ours, so they are left out, as are mappings of fields that are in no rate card.
    """
    found: dict[str, Any] = defaultdict(dict)
    now = now or datetime.now(UTC)
    thresholds = [each for each in rules.thresholds if _holds(each, now)]
    left_out = [f"thresholds ({len(thresholds)})"] if thresholds else []
    mappings = [
        m for m in rules.mappings if m.get("tenant_id") in (None, "", project) and _holds(m, now)
    ]
    for service in rules.services:
        name, kind = str(service["name"]), KINDS.get(str(service["name"]))
        own = [m for m in mappings if m.get("service_id") == service["service_id"]]
        fields = [f for f in rules.fields if f.get("service_id") == service["service_id"]]
        by_key = metrics.factor(name, metrics.unit_of(name, units or {}), period_s)
        if kind is None or by_key is None:
            left_out.append(f"the metric {name}")
            continue
        if own and kind in KEYS:
            found[KEYS[kind]] = number(by_key * _price(own, []))
        elif own:
            every = number(by_key * _price(own, []))
            found[TABLES[kind]] = dict.fromkeys(flavors.values(), every)
        for field in fields:
            special = [m for m in mappings if m.get("field_id") == field["field_id"]]
            if field["name"] not in _FIELDS.get(kind, ()):
                left_out += [f"prices by {field['name']} of the metric {name}"] if special else []
                continue
            for value in sorted({str(m["value"]) for m in special}):
                rate = by_key * _price(own, [m for m in special if str(m["value"]) == value])
                named = flavors.get(value, value) if kind is ResourceKind.SERVER else value
                found[TABLES[kind]][named] = number(rate)
    return Adapted(CloudKittyRates(currency=currency, **found), sorted(left_out))


def _holds(rule: Document, now: datetime) -> bool:
    """Whether a rule is in force: it has begun, has not ended, and was not deleted."""
    start, end, deleted = (_time(rule.get(name)) for name in ("start", "end", "deleted"))
    return deleted is None and (start is None or start <= now) and (end is None or now < end)


def _time(told: object) -> datetime | None:
    if not told:
        return None
    time = datetime.fromisoformat(str(told))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _price(own: Sequence[Document], special: Sequence[Document]) -> Fraction:
    """What one unit costs for a period: in each group the dearest flat one, times all rates."""
    flats: dict[object, Fraction] = defaultdict(Fraction)
    factors: dict[object, Fraction] = defaultdict(lambda: Fraction(1))
    for mapping in [*own, *special]:
        group, cost = mapping.get("group_id"), Fraction(metrics.price(mapping["cost"]))
        if mapping["type"] == "rate":
            factors[group] *= cost
        else:
            flats[group] = max(flats[group], cost)
    return sum((flat * factors[group] for group, flat in flats.items()), Fraction(0))
