"""What a stack may cost a month, as its stack file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from skytier.costs.bill import Bill, RootGib, of_file
from skytier.costs.flavors import Sized
from skytier.costs.price import Total
from skytier.costs.rates import Rates
from skytier.roles.role import Role
from skytier.stackfile import StackFile
from skytier.stackfile.model import CostSection
from skytier.topology import Spending


@dataclass(frozen=True)
class Over:
    """A plan that costs more than the budget, each month and with tax."""

    cost: Decimal
    budget: Decimal
    currency: str
    refused: bool
    """Whether it must not be carried out."""

    def __str__(self) -> str:
        too_much = self.cost - self.budget
        return (
            f"This would cost {self.cost} {self.currency} a month, and the budget is {self.budget} "
            f"{self.currency}: {too_much} {self.currency} too much."
        )


def over(section: CostSection, before: Total, after: Total) -> Over | None:
    """Whether a plan passes the budget.

    One that does not cost more than what is there is never refused: repairs and savings go on.
    """
    if section.budget is None or after.per_month <= section.budget:
        return None
    dearer = after.per_month > before.per_month
    return Over(after.per_month, section.budget, after.currency, section.budget_enforce and dearer)


def per_month(
    rates: Rates,
    stack: StackFile,
    roles: Mapping[str, Role],
    flavors: Mapping[str, Sized],
    root_gib: RootGib | None = None,
) -> Spending:
    """What a monitor compares. `flavors` is role to the flavor that was chosen for it, and
    `root_gib` is as for `of_file`."""
    # What is there now, as the monitor's other figures: the stack has the hour's web servers.
    now = stack.model_copy(update={"web": stack.web.model_copy(update={"schedule": ()})})
    bill = Bill(rates, of_file(now, roles, flavors, root_gib))
    known = bill.total.unknown < len(bill.resources)
    cost = bill.total.per_month if known else None
    return Spending(bill.total.currency, cost, stack.cost.budget)
