"""What a plan's resources cost, before and after it is carried out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from skytier.costs import bill, budget
from skytier.costs.bill import Bill, Difference
from skytier.costs.flavors import Sized
from skytier.costs.price import price
from skytier.costs.rates import FlavorSize, Rates
from skytier.costs.usage import Resource, ResourceKind
from skytier.deploy.plan import Action, Step
from skytier.stackfile import StackFile

VOLUMES = frozenset({ResourceKind.VOLUME, "root volume"})
"""The kinds of a plan's steps that are volumes."""
CONTAINER = "container"
"""The kind of a plan's step whose objects are priced by their size."""


@dataclass(frozen=True)
class PlanCost:
    """Prices of the steps of a plan, by today's rates."""

    rates: Rates
    stack: StackFile
    steps: Sequence[Step]
    flavors: Mapping[str, Sized]
    """Role to the flavor that was chosen for it."""
    notes: Sequence[str] = ()
    """What was taken for granted of the rates."""

    @cached_property
    def before(self) -> Bill:
        """What there is now."""
        return Bill(self.rates, [r for step in self.steps if (r := self._found(step))], self.notes)

    @cached_property
    def after(self) -> Bill:
        """What is there once the plan is carried out."""
        return Bill(self.rates, [r for step in self.steps if (r := self._wanted(step))], self.notes)

    @property
    def difference(self) -> Difference:
        """Between the two."""
        return bill.difference(self.before, self.after)

    @property
    def over_budget(self) -> budget.Over | None:
        """By how much the plan would pass the stack's budget; None when it would not."""
        return budget.over(self.stack.cost, self.before.total, self.after.total)

    def monthly(self, step: Step) -> Decimal | None:
        """What a step's resource costs a month: afterwards, or before it is deleted.

        None for what is free everywhere, and for what has no known price.
        """
        resource = self._found(step) if step.action is Action.DELETE else self._wanted(step)
        return price(self.rates, resource).per_month if resource else None

    def sentence(self) -> str:
        """`198.90 USD a month (+12.40), by example rates, not those of your cloud.`"""
        return self.after.sentence(self.difference.amount)

    def _wanted(self, step: Step) -> Resource | None:
        if step.wanted is None:
            return None
        if step.key.kind == ResourceKind.SERVER:
            role, flavor = step.wanted.creation["role"], step.wanted.attributes["flavor"]
            return bill.server(step.key.name, role, flavor, self.flavors[role], self.stack)
        if step.key.kind in VOLUMES:
            role, size_gib = step.wanted.creation["role"], step.wanted.attributes["size_gib"]
            # One that is there keeps its type.
            made = step.wanted.creation if step.found is None else step.found.facts
            kind = made.get("type") or ""
            return bill.volume(step.key.name, role, size_gib, self.stack, kind)
        return self._other(step)

    def _found(self, step: Step) -> Resource | None:
        if step.found is None:
            return None
        if step.key.kind == ResourceKind.SERVER:
            facts, flavor = step.found.facts, step.found.attributes["flavor"]
            # Nova tells them with the server since microversion 2.47; 0 is not told.
            known = {name: facts.get(name, 0) for name in ("vcpus", "ram_mib", "disk_gib")}
            size = FlavorSize(**known)
            return bill.server(step.key.name, facts.get("role", ""), flavor, size, self.stack)
        if step.key.kind in VOLUMES:
            facts, size_gib = step.found.facts, step.found.attributes["size_gib"]
            role, kind = facts.get("role", ""), facts.get("type", "")
            return bill.volume(step.key.name, role, size_gib, self.stack, kind)
        return self._other(step)

    def _other(self, step: Step) -> Resource | None:
        if step.key.kind == ResourceKind.FLOATING_IP:
            return bill.floating_ip(step.key.name, self.stack)
        if step.key.kind == ResourceKind.LOAD_BALANCER:
            return bill.load_balancer(step.key.name, self.stack)
        if step.key.kind == CONTAINER and step.found:
            return bill.objects(step.key.name, step.found.facts["bytes"], self.stack)
        # One that is still being made has no size.
        if step.key.kind == ResourceKind.IMAGE and step.found and step.found.facts["bytes"]:
            return bill.image(step.key.name, step.found.facts["bytes"], self.stack)
        return None
