"""Rounding: once, half up, and never a cent lost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import TypeVar

Amount = Decimal | Fraction
_Part = TypeVar("_Part")

CENT = Decimal("0.01")
HOURLY = Decimal("0.000001")
"""An hour of something small costs less than a cent, so it has six places."""
_DIGITS = 60
_NO_DECIMALS = frozenset(
    [
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    ]
)
_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def unit_of(currency: str) -> Decimal:
    """The smallest amount that is paid in a currency (ISO 4217).

    >>> unit_of("EUR"), unit_of("JPY"), unit_of("KWD")
    (Decimal('0.01'), Decimal('1'), Decimal('0.001'))
    """
    if currency in _NO_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in _THREE_DECIMALS else CENT


def rounded(amount: Amount, unit: Decimal = CENT) -> Decimal:
    """An amount in whole units, half up.

    >>> rounded(Decimal("2.345"))
    Decimal('2.35')
    """
    return _units(floor(Fraction(amount) / Fraction(unit) + Fraction(1, 2)), unit)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """A sum in which no digit is lost."""
    with localcontext(prec=_DIGITS):
        return sum(amounts, Decimal(0))


def totals(parts: Iterable[tuple[_Part, Fraction]]) -> dict[_Part, Fraction]:
    """The exact sum of each part, in the order in which they come.

    Whole numbers over one denominator are added as such: fractions are slow, and a year of a
    large project has a hundred thousand.

    >>> totals([("a", Fraction(1, 3)), ("b", Fraction(1)), ("a", Fraction(1, 6))])
    {'a': Fraction(1, 2), 'b': Fraction(1, 1)}
    """
    found: dict[_Part, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for part, amount in parts:
        found[part][amount.denominator] += amount.numerator
    return {
        part: sum((Fraction(*each[::-1]) for each in sums.items()), Fraction(0))
        for part, sums in found.items()
    }


def shares(amounts: Sequence[Amount], unit: Decimal = CENT) -> list[Decimal]:
    """Amounts in whole units whose sum is the rounded sum of the exact ones.

    Each is its amount rounded up or down; the largest remainders go up.

    >>> shares([Decimal("0.005"), Decimal("0.004"), Decimal("0.004")])
    [Decimal('0.01'), Decimal('0.00'), Decimal('0.00')]
    """
    whole = Fraction(unit)
    exact = [Fraction(amount) / whole for amount in amounts]
    down = [floor(amount) for amount in exact]
    missing = floor(sum(exact) + Fraction(1, 2)) - sum(down)
    by_remainder = sorted(range(len(exact)), key=lambda i: (down[i] - exact[i], i))
    for i in by_remainder[:missing]:
        down[i] += 1
    return [_units(count, unit) for count in down]


def split(total: Decimal, weights: Sequence[Amount], unit: Decimal = CENT) -> list[Decimal]:
    """A total in whole units, split in proportion to weights of which one at least is above 0.

    >>> split(Decimal("0.10"), [Decimal(1)] * 3)
    [Decimal('0.04'), Decimal('0.03'), Decimal('0.03')]
    """
    one = Fraction(total) / sum(Fraction(weight) for weight in weights)
    return shares([Fraction(weight) * one for weight in weights], unit)


def _units(count: int, unit: Decimal) -> Decimal:
    with localcontext(prec=_DIGITS):
        return count * unit
