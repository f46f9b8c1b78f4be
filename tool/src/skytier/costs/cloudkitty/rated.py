"""What CloudKitty has charged: as a bill of its own, and beside ours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

from skytier.costs import clock
from skytier.costs.charge import Charge
from skytier.costs.cloudkitty.metrics import KINDS, PERIOD_S, price
from skytier.costs.meters import Meter
from skytier.costs.money import rounded, unit_of
from skytier.costs.statement import Statement
from skytier.costs.usage import ResourceKind, Usage


@dataclass(frozen=True)
class Rated:
    """What CloudKitty has charged for one thing, or for all of one kind."""

    type: str
    """The metric: `instance`, `volume.size`"""
    begin: datetime
    end: datetime
    amount: Decimal
    """In the currency of whoever runs the cloud, which CloudKitty does not say."""
    quantity: Decimal | None = None
    """In the metric's unit, summed over the periods. Its first storage does not keep it."""
    id: str = ""
    """The resource; empty where the storage only tells sums."""

    @property
    def kind(self) -> ResourceKind:
        """What we call it."""
        return KINDS.get(self.type, ResourceKind.OTHER)


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


def rated(summary: Mapping[str, Any]) -> list[Rated]:
    """The rows of `/v2/summary?groupby=type`, whatever else they are grouped by.

    What nothing was charged for in the time is left out.
    """
    rows = [dict(zip(summary["columns"], row, strict=True)) for row in summary["results"]]
    return [
        Rated(
            str(row["type"]),
            datetime.fromisoformat(row["begin"]),
            datetime.fromisoformat(row["end"]),
            price(row["rate"]),
            None if row.get("qty") is None else price(row["qty"]),
            str(row.get("id") or ""),
        )
        for row in rows
        if row.get("type") and row["rate"] is not None
    ]


def rated_v1(summary: Mapping[str, Any]) -> list[Rated]:
    """The rows of `/v1/report/summary?groupby=res_type`, whose times are in UTC and say no zone."""
    return [
        Rated(
            str(row["res_type"]),
            datetime.fromisoformat(f"{row['begin']}+00:00"),
            datetime.fromisoformat(f"{row['end']}+00:00"),
            price(row["rate"]),
        )
        for row in summary["summary"]
        if row.get("res_type")
    ]


def charges(
    rows: Iterable[Rated],
    known: Mapping[str, Usage],
    units: Mapping[str, str],
    zone: tzinfo = UTC,
    period_s: int = PERIOD_S,
) -> list[Charge]:
    """CloudKitty's rows as charges, so that they are summed, split and shown as ours are.

    `known` is id to what we know of a resource: its name, stack, role and labels. `units` is metric
    to unit, `zone` the one whose months count.
    """
    return [_charge(row, known, units, zone, period_s) for row in rows]


def _charge(
    row: Rated, known: Mapping[str, Usage], units: Mapping[str, str], zone: tzinfo, period_s: int
) -> Charge:
    name = row.id or f"all of {row.type}"
    usage = known.get(row.id) or Usage(
        kind=row.kind, id=row.id, name=name, start=row.begin, end=row.end
    )
    unit, amount = units.get(row.type, row.kind), Fraction(row.amount)
    quantity = Fraction(row.quantity if row.quantity is not None else 1)
    if row.kind is not ResourceKind.TRAFFIC and row.quantity is not None:
        quantity *= Fraction(period_s, 3600)
        meter = Meter(f"{row.type}_hour", row.type, unit)
    else:
        meter = Meter(row.type, row.type, unit if row.quantity is not None else "sum")
    each = price(Decimal(f"{float(amount / quantity):.12g}")) if quantity else Decimal(0)
    begin, end = clock.second_of(row.begin), clock.second_of(row.end)
    month = clock.day_of(begin, zone).replace(day=1)
    return Charge(usage, meter, each, begin, end, month, quantity, amount, Decimal(0))


def side_by_side(ours: Statement, theirs: Iterable[Rated]) -> Sequence[Compared]:
    """Both bills for one time by kind, in the order of their names; ours without tax."""
    mine = {str(kind): amount for kind, amount in ours.by(lambda c: c.usage.kind).items()}
    exact: dict[str, Decimal] = defaultdict(Decimal)
    for each in theirs:
        exact[each.type if each.kind is ResourceKind.OTHER else str(each.kind)] += each.amount
    unit = unit_of(ours.currency)
    rows = sorted({*mine, *exact})
    return [
        Compared(what, mine.get(what), rounded(exact[what], unit) if what in exact else None)
        for what in rows
    ]
