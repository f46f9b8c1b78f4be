"""All advice together, the largest saving first."""

from datetime import UTC, tzinfo
from decimal import Decimal

from skytier.costs.advice.cache import cached_reads
from skytier.costs.advice.facts import ENOUGH_H, Advised, Facts
from skytier.costs.advice.flavors import smaller_flavors
from skytier.costs.advice.leftovers import unused
from skytier.costs.advice.nights import quiet_hours


def advise(facts: Facts, zone: tzinfo = UTC) -> Advised:
    """What would save money. What is measured counts from a whole day on.

    Advice is for one change at a time: after one is made, the figures are others.
    """
    rules = [unused(facts)]
    if facts.measured_h() >= ENOUGH_H:
        rules += [smaller_flavors(facts), quiet_hours(facts, zone=zone), cached_reads(facts)]
    advice = [each for rule in rules for each in rule.advice]
    advice.sort(key=lambda each: (-(each.saving or Decimal(0)), each.what))
    return Advised(advice, [each for rule in rules for each in rule.refrained])
