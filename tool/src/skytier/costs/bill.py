"""What a plan's resources cost, before and after it is carried out."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from skytier.cloud.choices import Choices, Flavor
from skytier.costs import price
from skytier.costs.price import Price
from skytier.costs.rates import Rates
from skytier.plan import Action, Step


@dataclass(frozen=True)
class Bill:
    """Prices of what a stack is made of, by rates and the flavors that were chosen for it."""

    rates: Rates
    choices: Choices

    @property
    def currency(self) -> str:
        """`USD`"""
        return self.rates.currency

    def wanted(self, step: Step) -> Price | None:
        """The price of what is there after the step; None for what is free everywhere."""
        if step.wanted is None:
            return None
        if step.key.kind == "server":
            return self._server(self.choices.flavors[step.wanted.creation["role"]])
        return price.floating_ip(self.rates) if step.key.kind == "floating IP" else None

    def found(self, step: Step) -> Price | None:
        """The price of what was there before the step."""
        if step.found is None:
            return None
        if step.key.kind == "server":
            name = step.found.attributes["flavor"]
            flavors = {flavor.name: flavor for flavor in self.choices.flavors.values()}
            if name in flavors:
                return self._server(flavors[name])
            return Price(self.currency, None, None, unknown=f"the flavor {name} is not at hand")
        return price.floating_ip(self.rates) if step.key.kind == "floating IP" else None

    def monthly(self, step: Step) -> Decimal | None:
        """What the step's resource costs a month: afterwards, or before it is deleted."""
        asked = self.found(step) if step.action is Action.DELETE else self.wanted(step)
        return asked.per_month if asked else None

    def after(self, steps: Iterable[Step]) -> price.Total:
        """The sum once the plan is carried out."""
        return price.total(self.rates, filter(None, map(self.wanted, steps)))

    def before(self, steps: Iterable[Step]) -> price.Total:
        """The sum as it is now."""
        return price.total(self.rates, filter(None, map(self.found, steps)))

    def sentence(self, steps: Iterable[Step]) -> str:
        """`198.90 USD a month (+12.40), by example rates that are no cloud's.`"""
        steps = list(steps)
        after, before = self.after(steps), self.before(steps)
        change = after.per_month - before.per_month
        words = f"{after.per_month} {self.currency} a month"
        if change:
            words += f" ({change:+})"
        if after.unknown:
            words += f", and {after.unknown} without a known price"
        if self.rates.is_example:
            words += ", by example rates that are no cloud's"
        return words + "."

    def _server(self, flavor: Flavor) -> Price:
        size = (flavor.vcpus, flavor.ram_mib, flavor.disk_gib)
        return price.server(self.rates, flavor.name, *size)
