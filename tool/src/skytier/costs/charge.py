"""What was used costs this much: exact, and nothing is rounded here."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, tzinfo
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

from skytier.costs import clock
from skytier.costs.meters import Meter, meters
from skytier.costs.rates import Rates
from skytier.costs.usage import Kind, Usage

Second = int | Fraction
"""Since 1970. A tier may begin within a second."""
_ONE = Decimal(1)


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


class _Piece(NamedTuple):
    usage: Usage
    begin: int
    end: int
    each_second: Fraction
    """Units times periods."""


def charges(rates: Rates, usages: Iterable[Usage], zone: tzinfo = UTC) -> list[Charge]:
    """Price what was used, to the second.

    Months, in which tiers and free allowances count, and days on which rates change are those of
    `zone`. The order of the usages does not matter. A rate change within a month begins the
    counting of tiers and allowances anew.
    """
    timed = [(each, clock.second_of(each.start), clock.second_of(each.end)) for each in usages]
    timed = [each for each in timed if each[1] < each[2]]
    if not timed:
        return []
    spans = _spans(rates, min(each[1] for each in timed), max(each[2] for each in timed), zone)
    starts = [span.begin for span in spans]
    inside: list[list[tuple[Usage, int, int]]] = [[] for _ in spans]
    for usage, begin, end in timed:
        for index in range(bisect_right(starts, begin) - 1, bisect_left(starts, end)):
            span = spans[index]
            inside[index].append((usage, max(begin, span.begin), min(end, span.end)))
    return [
        charge
        for span, stretches in zip(spans, inside, strict=True)
        for charge in _charged(span, stretches)
    ]


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


def _charged(span: _Span, stretches: Iterable[tuple[Usage, int, int]]) -> Iterator[Charge]:
    """The charges of one span."""
    card = span.card
    flavors, types = frozenset(card.flavor_hour), frozenset(card.volume_type_gb_month)
    by_meter: dict[Meter, list[_Piece]] = defaultdict(list)
    for usage, begin, end in stretches:
        part = card.states.get(usage.state, _ONE) if usage.kind is Kind.SERVER else _ONE
        for meter, units in meters(usage, flavors, types):
            each_second = _each_second(units, part, meter.seconds)
            if not meter.period:
                each_second /= clock.second_of(usage.end) - clock.second_of(usage.start)
            by_meter[meter].append(_Piece(usage, begin, end, each_second))
    tax = card.tax_percent or Decimal(0)
    for meter, pieces in by_meter.items():
        for usage, since, until, rate, quantity in _priced(pieces, card.steps(meter)):
            amount = quantity * _fraction(rate) if rate else Fraction(0)
            yield Charge(usage, meter, rate, since, until, span.month, quantity, amount, tax)


def _priced(
    pieces: Sequence[_Piece], steps: Sequence[tuple[Decimal, Decimal | None]]
) -> Iterator[tuple[Usage, Second, Second, Decimal | None, Fraction]]:
    """Each piece with its rate and quantity, in parts where a tier begins within it."""
    if len(steps) == 1:
        for usage, begin, end, each_second in pieces:
            yield usage, begin, end, steps[0][1], each_second * (end - begin)
        return
    cuts = _reached(pieces, [Fraction(above) for above, _ in steps[1:]])
    for usage, begin, end, each_second in pieces:
        first, last = bisect_right(cuts, begin), bisect_left(cuts, end)
        times = [begin, *cuts[first:last], end]
        for (_, rate), (since, until) in zip(steps[first:], pairwise(times), strict=False):
            yield usage, since, until, rate, each_second * (until - since)


def _reached(pieces: Sequence[_Piece], amounts: Sequence[Fraction]) -> list[Second]:
    """The moments at which all pieces together have used the amounts, as far as they do."""
    changes: dict[int, Fraction] = defaultdict(Fraction)
    for piece in pieces:
        changes[piece.begin] += piece.each_second
        changes[piece.end] -= piece.each_second
    reached: list[Second] = []
    used, speed = Fraction(0), Fraction(0)
    for since, until in pairwise(sorted(changes)):
        speed += changes[since]
        while (
            len(reached) < len(amounts) and used + speed * (until - since) > amounts[len(reached)]
        ):
            reached.append(since + (amounts[len(reached)] - used) / speed)
        used += speed * (until - since)
    return reached


@cache
def _each_second(units: Fraction, part: Decimal, seconds: int) -> Fraction:
    return units * _fraction(part) / seconds


@cache
def _fraction(number: Decimal) -> Fraction:
    return Fraction(number)
