"""What a figure is priced by, and what has to be known of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.costs.rates import Rates


@dataclass(frozen=True)
class PriceList:
    """Rates with what was taken for granted of them."""

    rates: Rates
    """With those that hold from some day on."""
    notes: Sequence[str] = ()
