"""Charges as people are billed: rounded once for each month, and then split without a cent lost."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor
from typing import TypeVar

from skytier.costs import clock
from skytier.costs.charge import Charge
from skytier.costs.money import exact_sum, rounded, shares, totals, unit_of
from skytier.costs.rates import Rates
from skytier.costs.usage import Usage

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Line:
    """What one part of a resource cost at one rate."""

    usage: Usage
    """The last of the resource's usages in it."""
    what: str
    """`RAM`"""
    quantity: Fraction
    unit: str
    """`GiB-hours`, `GB-months`, `GB`"""
    rate: Decimal | None
    """For one unit; None when it is not known."""
    amount: Decimal
    """Without tax. The lines add up to the statement's net."""
    exact: Fraction
    """The amount before it was rounded: what an hour of something small is shown by."""

    @property
    def resource(self) -> str:
        """`server shop-web-1`"""
        return str(self.usage)


@dataclass(frozen=True)
class Month:
    """A calendar month's sum, as far as charges of it are there."""

    month: date
    net: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        """What is to be paid."""
        return self.net + self.tax


@dataclass(frozen=True)
class Statement:
    """Charges with their sums. All amounts are in whole units of the currency: cents, yen."""

    currency: str
    charges: Sequence[Charge]
    months: Sequence[Month]
    zone: tzinfo

    @property
    def net(self) -> Decimal:
        """The sum of the months, without tax."""
        return sum((each.net for each in self.months), 0 * unit_of(self.currency))

    @property
    def tax(self) -> Decimal:
        """The tax of all months."""
        return sum((each.tax for each in self.months), 0 * unit_of(self.currency))

    @property
    def gross(self) -> Decimal:
        """What is to be paid."""
        return self.net + self.tax

    @property
    def unknown(self) -> list[str]:
        """`server web-1, disk: the rates have no disk_gb_month`, for what is in no sum."""
        found = {f"{c.resource}, {c.meter.what}: {c.unknown}" for c in self.charges if c.unknown}
        return sorted(found)

    def by(self, part: Callable[[Charge], _Part]) -> dict[_Part, Decimal]:
        """The net split among whatever a function says of a charge; the sum is the net.

        Each month's net is split by largest remainder, so that a part is at most a cent a month
        from its exact amount. `statement.by(lambda charge: charge.usage.role)`
        """
        return self._split((charge.month, part(charge), charge.amount) for charge in self.charges)

    def by_month(self) -> dict[date, Decimal]:
        """The net of each month, by its first day."""
        return {each.month: each.net for each in self.months}

    def by_day(self) -> dict[date, Decimal]:
        """The net of each day that has a charge, in the statement's zone."""
        return self._split(
            (day.replace(day=1), day, amount) for day, amount in daily(self.charges, self.zone)
        )

    def by_day_and(self, part: Callable[[Charge], _Part]) -> dict[tuple[date, _Part], Decimal]:
        """The same for each day and what a function says of a charge."""
        groups: dict[_Part, list[Charge]] = defaultdict(list)
        for charge in self.charges:
            groups[part(charge)].append(charge)
        return self._split(
            (day.replace(day=1), (day, name), amount)
            for name, group in groups.items()
            for day, amount in daily(group, self.zone)
        )

    def lines(self) -> list[Line]:
        """Each resource's parts, sorted by text; a part is there once for each rate that it had."""
        numbers: dict[_Key, int] = {}
        numbered = [(numbers.setdefault(_line_of(c), len(numbers)), c) for c in self.charges]
        keys, last = list(numbers), dict[int, Charge]()
        for number, charge in numbered:
            if number not in last or charge.end > last[number].end:
                last[number] = charge
        quantities = totals((number, charge.quantity) for number, charge in numbered)
        months = totals(((charge.month, number), charge.amount) for number, charge in numbered)
        exact = totals((number, amount) for (_, number), amount in months.items())
        split = self._split((month, keys[n], amount) for (month, n), amount in months.items())
        return [
            Line(
                last[number].usage,
                last[number].meter.what,
                quantities[number],
                last[number].meter.counted_in,
                last[number].rate,
                amount,
                exact[number],
            )
            for number, amount in ((numbers[key], amount) for key, amount in split.items())
        ]

    def _split(self, parts: Iterable[tuple[date, _Part, Fraction]]) -> dict[_Part, Decimal]:
        exact: dict[date, dict[_Part, Fraction]] = defaultdict(dict)
        for (month, part), amount in totals(((m, p), amount) for m, p, amount in parts).items():
            exact[month][part] = amount
        # Which of two equal remainders goes up must not depend on the order of the usages.
        order = sorted({part for month in exact.values() for part in month}, key=str)
        found = dict.fromkeys(order, 0 * unit_of(self.currency))
        for amounts in exact.values():
            present = [part for part in order if part in amounts]
            split = shares([amounts[part] for part in present], unit_of(self.currency))
            for part, share in zip(present, split, strict=True):
                found[part] += share
        return found


_Key = tuple[str, str, str, str, Decimal | None]


def _line_of(charge: Charge) -> _Key:
    usage = charge.usage
    return (str(usage.kind), usage.name, usage.id, charge.meter.dotted, charge.rate)


def statement(rates: Rates, charges: Iterable[Charge], zone: tzinfo = UTC) -> Statement:
    """Sum up what `charge.charges` found with the same rates and zone.

    The net of a month is rounded half up, once; then its tax.
    """
    listed, unit = list(charges), unit_of(rates.currency)
    exact: dict[date, dict[Decimal, Fraction]] = defaultdict(dict)
    sums = totals(((charge.month, charge.tax_percent), charge.amount) for charge in listed)
    for (month, percent), amount in sums.items():
        exact[month][percent] = amount
    months = []
    for month, by_tax in sorted(exact.items()):
        # A tax that changes within a month is taken of each part of the rounded net.
        nets = shares([by_tax[percent] for percent in sorted(by_tax)], unit)
        taxes = [net * percent / 100 for net, percent in zip(nets, sorted(by_tax), strict=True)]
        months.append(Month(month, sum(nets, 0 * unit), rounded(exact_sum(taxes), unit)))
    return Statement(rates.currency, listed, months, zone)


def daily(charges: Iterable[Charge], zone: tzinfo = UTC) -> Iterator[tuple[date, Fraction]]:
    """The exact amount of each day on which there is a charge."""
    listed = list(charges)
    if not listed:
        return
    first = floor(min(charge.begin for charge in listed))
    last = ceil(max(charge.end for charge in listed))
    days = list(clock.days(first, last, zone))
    starts = [*(start for _, start in days), last]
    # Whole days are summed as speeds that begin and end, so that a year costs as much as a day.
    amounts: list[tuple[int, Fraction]] = []
    changes: list[tuple[int, Fraction]] = []
    present = [0] * (len(days) + 1)
    for charge in listed:
        begin, end, amount = charge.begin, charge.end, charge.amount
        low, high = bisect_right(starts, begin) - 1, bisect_left(starts, end) - 1
        present[low] += 1
        present[high + 1] -= 1
        if low == high:
            amounts.append((low, amount))
        elif amount:
            speed = amount / (end - begin)
            amounts += [
                (low, speed * (starts[low + 1] - begin)),
                (high, speed * (end - starts[high])),
            ]
            changes += [(low + 1, speed), (high, -speed)]
    in_part, changed, speed = totals(amounts), totals(changes), Fraction(0)
    for index, ((day, start), count) in enumerate(zip(days, accumulate(present), strict=False)):
        speed += changed.get(index, 0)
        if count:
            yield day, in_part.get(index, 0) + speed * (starts[index + 1] - start)
