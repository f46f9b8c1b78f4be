"""The stack on this machine for the dashboard and reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from skytier.costs.rates import EXAMPLE
from skytier.local.monitor.parts import MACHINE_NAME, ROLE_NAME
from skytier.local.monitor.source import source
from skytier.local.stack import Stack
from skytier.local.status import measure
from skytier.metrics.reopened import reopened
from skytier.metrics.source import Source
from skytier.status import Machine, Status
from skytier.watched import Cost, Watched

_FREE = Cost(EXAMPLE.currency, Decimal(0), [], "A stack on one's own machine has no price.")


@contextmanager
def watched(stack: Stack) -> Iterator[Watched]:
    """The stack, with whatever measures it."""

    @contextmanager
    def opened() -> Iterator[Source]:
        yield source(stack)

    with reopened(opened) as figures:
        yield Watched("local", None, figures, lambda: on_one_machine(measure(stack)), lambda: _FREE)


def on_one_machine(status: Status) -> Status:
    """The same services on the one machine that they all run on, as its figures know it."""
    machine = Machine(
        name=MACHINE_NAME,
        role=ROLE_NAME,
        address=status.machines[0].address,
        healthy=status.healthy,
        services=[service for each in status.machines for service in each.services],
        addresses=status.machines[0].addresses,
        release=next((each.release for each in status.machines if each.release), None),
    )
    return replace(status, machines=[machine])
