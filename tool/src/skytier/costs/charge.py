"""What was used costs this much: exact, and nothing is rounded here."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, tzinfo
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

from skytier.costs import clock
from skytier.costs.meters import GB, Meter, meters
from skytier.costs.money import totals
from skytier.costs.rates import Rates
from skytier.costs.tiers import Piece, Second, after, at_once, over_time
from skytier.costs.usage import ResourceKind, Usage

_NOTHING = Fraction(0)


class Charge(NamedTuple):
    """One part of a resource over a time in which its price was the same.

    It lies in one calendar month, and `amount` is spread evenly over its time.
    """

    usage: Usage
    meter: Meter
    rate: Decimal | None
    """For one unit and period; None when the rates do not have it, and then the amount is 0."""
    begin: Second
    end: Second
    """Exclusive."""
    month: date
    """The first day of the calendar month that it is in."""
    quantity: Fraction
    """`meter.counted_in`: GiB-hours, GB-months of 730 hours, GB. A state's multiplier is in it."""
    amount: Fraction
    """In the currency of the rates, without tax."""
    tax_percent: Decimal

    @property
    def resource(self) -> str:
        """`server shop-web-1`"""
        return str(self.usage)

    @property
    def unknown(self) -> str:
        """`the rates have no traffic_gb`; empty when the price is known."""
        return f"the rates have no {self.meter.dotted}" if self.rate is None else ""


class _Span(NamedTuple):
    """A time in one month with one version of the rates."""

    begin: int
    end: int
    month: date
    card: Rates


_Stretch = tuple[Usage, int, int]
"""A usage with the seconds in which it begins and ends."""


def charges(rates: Rates, usages: Iterable[Usage], zone: tzinfo = UTC) -> list[Charge]:
    """Price what was used, to the second.

    Months, in which tiers and free allowances count, and days on which rates change are those of
    `zone`. The order of the usages does not matter. A rate change within a month cuts what was
    used in two, and tiers and allowances go on counting: each part costs what the card of its time
    has for that much.
    """
    seconds = ((each, clock.second_of(each.start), clock.second_of(each.end)) for each in usages)
    timed = [each for each in seconds if each[1] < each[2]]
    if not timed:
        return []
    spans = _spans(rates, min(each[1] for each in timed), max(each[2] for each in timed), zone)
    starts = [span.begin for span in spans]
    inside: list[list[_Stretch]] = [[] for _ in spans]
    for each in timed:
        for index in range(bisect_right(starts, each[1]) - 1, bisect_left(starts, each[2])):
            inside[index].append(each)
    counted = {key for span in spans for key in (*span.card.free, *span.card.tiers)}
    found: list[Charge] = []
    used: dict[Meter, Fraction] = {}
    for before, span, stretches in zip([None, *spans], spans, inside, strict=False):
        if before is None or before.month != span.month:
            used.clear()
        charged = list(_charged(span, stretches, used))
        found += charged
        parts = ((c.meter, c.quantity) for c in charged if c.meter.key in counted)
        for meter, quantity in totals(parts).items():
            used[meter] = used.get(meter, _NOTHING) + quantity
    return found


def _spans(rates: Rates, begin: int, end: int, zone: tzinfo) -> list[_Span]:
    """From cut to cut: where a month begins, and where the rates change."""
    months = {first: month for month, first in clock.months(begin, end, zone)}
    cards = {clock.midnight(day, zone) if day else -inf: card for day, card in rates.versions()}
    cuts = sorted({max(begin, cut) for cut in [*months, *cards] if cut < end} | {end})
    return [
        _Span(
            since,
            until,
            months[max(first for first in months if first <= since)],
            cards[max(first for first in cards if first <= since)],
        )
        for since, until in pairwise(map(int, cuts))
    ]


def _charged(
    span: _Span, stretches: Iterable[_Stretch], used: Mapping[Meter, Fraction]
) -> Iterator[Charge]:
    """The charges of one span; `used` is what was used of a meter in its month before it."""
    card = span.card
    flavors, types = frozenset(card.flavor_hour), frozenset(card.volume_type_gb_month)
    by_meter: dict[Meter, list[Piece]] = defaultdict(list)
    for usage, start, end in stretches:
        first, last = max(start, span.begin), min(end, span.end)
        for meter, units in meters(usage, flavors, types):
            if usage.kind is ResourceKind.SERVER and usage.state in card.states:
                units *= _fraction(card.states[usage.state])
            elif not meter.period and (first, last) != (start, end):
                # Bytes stay whole, so that no cut makes them more or less.
                sent = [usage.bytes_out * (at - start) // (end - start) for at in (first, last)]
                units = Fraction(sent[1] - sent[0], GB)
            by_meter[meter].append(Piece(usage, first, last, units))
    tax = card.tax_percent or Decimal(0)
    for meter, pieces in by_meter.items():
        steps = after(card.steps(meter), used.get(meter, _NOTHING))
        parts = over_time(pieces, steps, meter.seconds) if meter.period else at_once(pieces, steps)
        for user, since, until, rate, quantity in parts:
            amount = quantity * _fraction(rate) if rate else _NOTHING
            yield Charge(user, meter, rate, since, until, span.month, quantity, amount, tax)


@cache
def _fraction(number: Decimal) -> Fraction:
    return Fraction(number)
