"""Which part of what a whole project used costs which rate, where that depends on how much it is.

All in whole numbers of a grain that is common to a group, since a year of a large project has a
hundred thousand parts, and fractions are slow.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from skytier.costs.usage import Usage

Second = int | Fraction
"""Since 1970. A tier may begin within a second."""
Steps = Sequence[tuple[Decimal | Fraction, Decimal | None]]
"""From which amount on which rate holds, from 0 upwards; None is a rate that is not known."""


class Piece(NamedTuple):
    """A resource for a time in one month, by one meter."""

    usage: Usage
    begin: int
    end: int
    units: Fraction
    """At any moment; of traffic in all."""


class Part(NamedTuple):
    """What of a piece costs one rate."""

    usage: Usage
    begin: Second
    end: Second
    rate: Decimal | None
    quantity: Fraction
    """Units times periods."""


def after(steps: Steps, used: Fraction) -> Steps:
    """The steps that are left when an amount was used before.

    >>> after([(Decimal(0), Decimal(5)), (Decimal(100), Decimal(3))], Fraction(40))
    [(Decimal('0'), Decimal('5')), (Fraction(60, 1), Decimal('3'))]
    """
    if not used:
        return steps
    reached = [rate for above, rate in steps if above <= used][-1]
    ahead = [(Fraction(above) - used, rate) for above, rate in steps if above > used]
    return [(Decimal(0), reached), *ahead]


def over_time(pieces: Sequence[Piece], steps: Steps, period_s: int) -> Iterator[Part]:
    """Parts of what is counted by the time for which it is had, cut where a tier is reached."""
    units = lcm(*{piece.units.denominator for piece in pieces})
    units = lcm(units, *(Fraction(above).denominator for above, _ in steps))
    grain = units * period_s
    speeds = [piece.units.numerator * (units // piece.units.denominator) for piece in pieces]
    levels = [int(Fraction(above) * grain) for above, _ in steps[1:]]
    cuts = _reached(pieces, speeds, levels) if levels else []
    for piece, speed in zip(pieces, speeds, strict=True):
        usage, begin, end, _ = piece
        first, last = bisect_right(cuts, begin), bisect_left(cuts, end)
        times: list[Second] = [begin, *cuts[first:last], end]
        for (_, rate), (since, until) in zip(steps[first:], pairwise(times), strict=False):
            yield Part(usage, since, until, rate, Fraction(speed * (until - since), grain))


def _reached(pieces: Sequence[Piece], speeds: Sequence[int], levels: Sequence[int]) -> list[Second]:
    """The moments at which all pieces together have used the levels, as far as they do."""
    changes: dict[int, int] = defaultdict(int)
    for piece, speed in zip(pieces, speeds, strict=True):
        changes[piece.begin] += speed
        changes[piece.end] -= speed
    reached: list[Second] = []
    used = speed = 0
    for since, until in pairwise(sorted(changes)):
        speed += changes[since]
        after = used + speed * (until - since)
        while len(reached) < len(levels) and after > levels[len(reached)]:
            reached.append(since + Fraction(levels[len(reached)] - used, speed))
        used = after
    return reached


def at_once(pieces: Sequence[Piece], steps: Steps) -> Iterator[Part]:
    """Parts of what is counted by its amount, which is used when a piece ends.

    Pieces that end at the same time share the tiers that they reach, in proportion.
    """
    if len(steps) == 1:
        yield from (Part(*piece[:3], steps[0][1], piece.units) for piece in pieces)
        return
    together: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        together[piece.end].append(piece)
    levels = [Fraction(above) for above, _ in steps]
    before = Fraction(0)
    for _, ending in sorted(together.items()):
        size = sum((piece.units for piece in ending), Fraction(0))
        if not size:
            continue
        after = before + size
        first, last = bisect_right(levels, before) - 1, bisect_left(levels, after)
        bounds = [before, *levels[first + 1 : last], after]
        for (_, rate), (low, high) in zip(steps[first:], pairwise(bounds), strict=False):
            share = (high - low) / size
            for usage, begin, end, units in ending:
                quantity = units if share == 1 else units * share
                yield Part(usage, begin, end, rate, quantity)
        before = after
