"""How many web servers a stack on a cloud has, and how many it should have."""

import time
from collections.abc import Mapping, Sequence

from skytier.charts.chart import Chart
from skytier.deploy.scaling import (
    LOOK_BACK_S,
    STEP_S,
    Decision,
    MissingFiguresError,
    decide,
)
from skytier.errors import SkytierError
from skytier.metrics.source import Source
from skytier.metrics.target import MACHINE
from skytier.openstack.holder import ended_at
from skytier.openstack.lock import Lock
from skytier.openstack.machines import load_balancer_view
from skytier.openstack.plan.kinds import find_all
from skytier.openstack.plan.web_servers import web_servers
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.port import Port
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus
from skytier.services.exporters.charts import CPU
from skytier.services.haproxy.charts import IN_ROTATION
from skytier.stackfile.automatic import Automatic


def decision(stack: CloudStack) -> Decision:
    """The number of web servers that the load asks for. Changes nothing.

    Raises SkytierError when there is no web server, or a figure is missing.
    """
    names = [each.key.name for each in web_servers(stack.project)]
    if not names:
        raise SkytierError(
            f"The stack {stack.stack.name} has no web server on {stack.cloud}.",
            "Bring it up: skytier up",
        )
    if stack.hours:
        count = len(names)
        return Decision(count, count, f"The schedule says how many there are {stack.hours}.")
    with prometheus(stack) as source:
        of_machine = _lines(source, CPU, MACHINE)
        in_rotation = _in_rotation(stack, source, len(names))
    cpu = {name: of_machine.get(name, []) for name in names}
    wanted = stack.automatic or Automatic(min=1, max=100)
    try:
        return decide(wanted, cpu, _seconds_since_change(stack.lock), in_rotation)
    except MissingFiguresError as error:
        raise SkytierError(
            f"The CPU in use is not known of {error}, so nothing is scaled.",
            "See what does not answer the monitor: skytier status",
        ) from None


def _lines(source: Source, chart: Chart, label: str) -> dict[str, list[float]]:
    """The figures since LOOK_BACK_S, by the value of a label."""
    end = time.time()
    lines = source.series(chart, end - LOOK_BACK_S, end, STEP_S)
    return {line.labels[label]: [point.value for point in line.points] for line in lines}


def _in_rotation(
    stack: CloudStack, source: Source, web_servers: int
) -> Mapping[str, Sequence[float]] | None:
    """When each web server got requests: of a load balancer of the cloud only whether it does now.

    None where nobody can say, or there is only one. Raises SkytierError where HAProxy should.
    """
    if web_servers == 1 or not stack.stack.has_balancer:
        return None
    if stack.stack.has_load_balancer:
        found = find_all([stack.kinds[LoadBalancer.name], stack.kinds[Port.name]])
        view = load_balancer_view.as_found({each.key: each for each in found})
        if view is None:
            return None
        return {name: [float(each.gets_requests)] for name, each in view.items()}
    lines = _lines(source, IN_ROTATION, "server")
    if not lines:
        raise SkytierError(
            "It is not known which web servers get requests, since the monitor has no figures of "
            "the balancer. So nothing is scaled.",
            "See what does not answer the monitor: skytier status",
        )
    return lines


def _seconds_since_change(lock: Lock) -> float | None:
    """How long ago somebody last changed the stack; None where the audit has nothing."""
    ended = [end for line in lock.audit() if (end := ended_at(line))]
    return time.time() - max(ended) if ended else None
