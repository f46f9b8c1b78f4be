"""How many web servers a stack on a cloud has, and how many it should have."""

import time

from skytier.deploy.scaling import (
    LOOK_BACK_S,
    STEP_S,
    Decision,
    MissingFiguresError,
    decide,
)
from skytier.errors import SkytierError
from skytier.metrics.target import MACHINE
from skytier.openstack.holder import ended_at
from skytier.openstack.lock import Lock
from skytier.openstack.plan.web_servers import web_servers
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus
from skytier.services.exporters.charts import CPU
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
    end = time.time()
    with prometheus(stack) as source:
        lines = source.series(CPU, end - LOOK_BACK_S, end, STEP_S)
    of_machine = {line.labels[MACHINE]: [point.value for point in line.points] for line in lines}
    cpu = {name: of_machine.get(name, []) for name in names}
    wanted = stack.automatic or Automatic(min=1, max=100)
    try:
        return decide(wanted, cpu, _seconds_since_change(stack.lock))
    except MissingFiguresError as error:
        raise SkytierError(
            f"The CPU in use is not known of {error}, so nothing is scaled.",
            "See what does not answer the monitor: skytier status",
        ) from None


def _seconds_since_change(lock: Lock) -> float | None:
    """How long ago somebody last changed the stack; None where the audit has nothing."""
    ended = [end for line in lock.audit() if (end := ended_at(line))]
    return time.time() - max(ended) if ended else None
