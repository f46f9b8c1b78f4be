"""The facts that advice is decided from, asked of the cloud and of a Prometheus."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from skytier.costs.advice.facts import Facts
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.source import Source
from skytier.openstack.resources.server import Server
from skytier.openstack.spending import leftovers, load
from skytier.openstack.spending.prices import prices
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching import figures
from skytier.services.application.charts import CACHE_MISSES, READS


def facts(
    stack: CloudStack,
    rates_file: Path | None,
    prometheus: str | None,
    start: datetime,
    end: datetime,
) -> tuple[Facts, str]:
    """All that is known, and why there are no figures; empty where there are.

    `prometheus` is a URL; without it the stack's own monitor is asked. What needs no figures is
    told without them. Raises SkytierError when the cloud cannot be asked.
    """
    offered = load.flavors(stack.connection)
    names = [each.flavor for each in offered]
    rates = prices(stack.connection, stack.stack, names, rates_file).rates.on()
    bare = Facts(rates, load.STEP_S, leftovers=leftovers.find(stack.connection), now=end)
    if not list(Server(stack.project).find()):
        return bare, f"the stack {stack.stack.name} has no machines."
    plan = stack.plan()
    begin, stop = start.timestamp(), end.timestamp()

    def measured(source: Source) -> Facts:
        return replace(
            bare,
            machines=load.machines(plan, source, offered, begin, stop),
            flavors=offered,
            scheduled=bool(stack.stack.web.schedule or stack.automatic),
            p99_s=load.of_stack(source, BY_ID["latency_p99_s"], begin, stop),
            reads_percent=load.of_stack(source, READS, begin, stop),
            past_cache_percent=load.of_stack(source, CACHE_MISSES, begin, stop),
            objective_s=stack.stack.monitor.latency_objective_ms / 1000,
        )

    found, why = figures.ask(stack, prometheus, measured)
    return found or bare, why
