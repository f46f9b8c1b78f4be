"""The facts that advice is decided from, asked of the cloud and of a Prometheus."""

from datetime import datetime

from skytier.cloud import leftovers, load
from skytier.cloud.stack import CloudStack
from skytier.costs.advice.facts import Facts
from skytier.costs.rates import Rates
from skytier.errors import SkytierError
from skytier.metrics.prometheus import Prometheus


def facts(
    stack: CloudStack, rates: Rates, prometheus: str | None, start: datetime, end: datetime
) -> tuple[Facts, str]:
    """All that is known, and why there are no figures; empty where there are.

    `prometheus` is a URL. What needs no figures is told without them. Raises SkytierError.
    """
    found = leftovers.find(stack.connection)
    bare = Facts(rates, load.STEP_S, leftovers=found, now=end)
    if prometheus is None:
        return bare, "the stack has no monitor. Name a Prometheus: --prometheus URL."
    source = Prometheus(prometheus)
    begin, stop = start.timestamp(), end.timestamp()
    try:
        offered = load.flavors(stack)
        return Facts(
            rates,
            load.STEP_S,
            load.machines(stack, source, offered, begin, stop),
            offered,
            load.latency(source, begin, stop),
            load.objective_s(stack),
            found,
            end,
        ), ""
    except SkytierError as error:
        return bare, error.what
