"""Who pays which part of a project's bill."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from skytier.costs.charge import Charge
from skytier.costs.money import exact_sum, split, unit_of
from skytier.costs.statement import Statement

Belongs = Literal["label", "unlabelled", "shared"]
_ORDER: tuple[Belongs, ...] = ("label", "unlabelled", "shared")
STACK = "stack"
"""What to split by when it is not a label: each stack for itself."""


@dataclass(frozen=True)
class Share:
    """One row of the split. Amounts are in whole units of the currency: cents, yen."""

    belongs: Belongs
    """`unlabelled` is of a stack that has not got the label, `shared` of no stack at all."""
    value: str
    """The label's value or the stack's name; empty for what is unlabelled or shared."""
    stacks: Mapping[str, Decimal]
    """What each stack has of `own`."""
    own: Decimal
    """Of resources of its own, without tax."""
    spread: Decimal
    """Its part of what is shared, where that is spread; without tax."""
    tax: Decimal

    @property
    def total(self) -> Decimal:
        """What it pays. All rows together are the bill's gross, to the cent."""
        return self.own + self.spread + self.tax


def chargeback(bill: Statement, by: str, *, spread_shared: bool = False) -> list[Share]:
    """Split a bill by a label (`team`), or by STACK: labelled rows, unlabelled, shared.

    With `spread_shared` what belongs to no stack is paid by the other rows, in proportion to what
    they have of their own; where there is no other row it stays.
    """

    def owner(charge: Charge) -> tuple[int, str, str]:
        usage = charge.usage
        if not usage.stack:
            return _ORDER.index("shared"), "", ""
        value = usage.stack if by == STACK else usage.labels.get(by, "")
        return _ORDER.index("label" if value else "unlabelled"), value, usage.stack

    stacks: dict[tuple[int, str], dict[str, Decimal]] = defaultdict(dict)
    for (order, value, stack), amount in bill.by(owner).items():
        stacks[order, value][stack] = amount
    rows = sorted(stacks)
    own = {row: exact_sum(stacks[row].values()) for row in rows}
    spread = dict.fromkeys(rows, 0 * unit_of(bill.currency))
    shared = (_ORDER.index("shared"), "")
    payers = [row for row in rows if row != shared and own[row]]
    if spread_shared and shared in rows and payers:
        amounts = split(own.pop(shared), [own[row] for row in payers], unit_of(bill.currency))
        spread.update(zip(payers, amounts, strict=True))
        rows.remove(shared)
    tax = dict.fromkeys(rows, 0 * unit_of(bill.currency))
    if bill.tax:
        nets = [own[row] + spread[row] for row in rows]
        tax = dict(zip(rows, split(bill.tax, nets, unit_of(bill.currency)), strict=True))
    return [
        Share(_ORDER[row[0]], row[1], stacks[row], own[row], spread[row], tax[row]) for row in rows
    ]
