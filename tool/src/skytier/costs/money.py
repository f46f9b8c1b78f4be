"""Rounding: once, half up, and never a cent lost."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext

CENT = Decimal("0.01")
HOURLY = Decimal("0.000001")
"""An hour of something small costs less than a cent, so it has six places."""
_DIGITS = 60


def rounded(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """An amount in whole units, half up.

    >>> rounded(Decimal("2.345"))
    Decimal('2.35')
    """
    with localcontext(prec=_DIGITS):
        return amount.quantize(unit, ROUND_HALF_UP)


def exact_sum(amounts: Sequence[Decimal]) -> Decimal:
    """A sum in which no digit is lost."""
    with localcontext(prec=_DIGITS):
        return sum(amounts, Decimal(0))


def shares(amounts: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Amounts in whole units whose sum is the rounded sum of the exact ones.

    Each is its amount rounded up or down; the largest remainders go up.

    >>> shares([Decimal("0.005"), Decimal("0.004"), Decimal("0.004")])
    [Decimal('0.01'), Decimal('0.00'), Decimal('0.00')]
    """
    with localcontext(prec=_DIGITS):
        down = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
        missing = int((rounded(exact_sum(amounts), unit) - exact_sum(down)) / unit)
        by_remainder = sorted(range(len(amounts)), key=lambda i: (down[i] - amounts[i], i))
        for i in by_remainder[:missing]:
            down[i] += unit
    return down
