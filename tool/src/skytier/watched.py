"""A stack as the dashboard and reports see it: how it is, its figures, and what it costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from skytier.metrics.source import Source
from skytier.status import Status


@dataclass(frozen=True)
class CostLine:
    """What one resource costs. `per_month` is None where its price is not known."""

    resource: str
    kind: str
    per_month: Decimal | None


@dataclass(frozen=True)
class Cost:
    """What a stack costs as it is now. On a machine of one's own there are no lines."""

    currency: str
    per_month: Decimal | None
    """None where no price is known."""
    lines: Sequence[CostLine]
    sentence: str


@dataclass(frozen=True)
class Watched:
    """Each of the three is asked anew at every call, and raises SkytierError when it cannot be."""

    name: str
    cloud: str | None
    source: Source
    status: Callable[[], Status]
    cost: Callable[[], Cost]
