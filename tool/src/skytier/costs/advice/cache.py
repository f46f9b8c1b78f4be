"""Nginx's cache of a second, where the database would otherwise need a larger flavor soon."""

from collections.abc import Sequence

from skytier.costs.advice.facts import HEADROOM, Advice, Advised, Facts, MachineLoad, p95
from skytier.costs.price import price
from skytier.costs.usage import Resource
from skytier.metrics.source import Point

READS = 80.0
"""Percent of the requests to the application that read, from which on reads dominate."""
CACHE_MISSES = 80.0
"""Percent of all requests that reach the application, from which on no cache serves them."""


def cached_reads(facts: Facts) -> Advised:
    """To let answers be kept for a second, instead of the next larger flavor for the database.

    Only where the database has no room for 30% more, reads dominate, and hardly any of them is
    answered by Nginx. Without one of these figures nothing is said.
    """
    found = Advised()
    databases = [each for each in facts.roles().get("database", []) if each.cpu]
    if not databases or not facts.reads_percent or not facts.past_cache_percent:
        return found
    busiest = max(databases, key=_busy)
    # The usual figure of the time, not its peaks: most requests have to be of this kind.
    reads, past = (_median(each) for each in (facts.reads_percent, facts.past_cache_percent))
    if _busy(busiest) * HEADROOM <= 100 or reads < READS or past < CACHE_MISSES:
        return found
    larger = _next_larger(facts, busiest)
    if larger is None:
        return found
    now, then = (price(facts.rates, each).per_month for each in (busiest.server, larger))
    found.advice.append(
        Advice(
            f"{busiest.name}: keep answers in Nginx's cache for one second, instead of "
            f"{larger.flavor}",
            None if now is None or then is None else then - now,
            f"CPU p95 {_busy(busiest):.0f}% over {facts.measured_h():.0f} h, {reads:.0f}% of the "
            f"application's requests read, and {past:.0f}% of all requests reach it",
            f"the saving is against {larger.flavor}; it serves visitors who are not signed in, and "
            "answers may be a second old",
            'the header "X-Accel-Expires: 1" in the application\'s answers to GET that are the '
            "same for all visitors, then skytier up: docs/decisions/what-makes-it-fast.md",
        )
    )
    return found


def _busy(machine: MachineLoad) -> float:
    return p95(point.value for point in machine.cpu)


def _median(points: Sequence[Point]) -> float:
    return sorted(point.value for point in points)[len(points) // 2]


def _next_larger(facts: Facts, machine: MachineLoad) -> Resource | None:
    """The cheapest flavor with more processors and no less of the rest; None for none."""
    has = machine.server
    fits = [
        (amount, each.flavor, each)
        for each in facts.flavors
        if each.vcpus > has.vcpus
        and each.ram_mib >= has.ram_mib
        and (machine.root_gib or each.disk_gib >= has.disk_gib)
        and (amount := price(facts.rates, each).per_month) is not None
    ]
    return min(fits, key=lambda each: each[:2])[2] if fits else None
