"""A stack on a cloud for the dashboard and reports."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.metrics.reopened import reopened
from skytier.openstack.commands.status import measure
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.view import prometheus
from skytier.watched import Cost, CostLine, Watched


@contextmanager
def watched(stack: CloudStack) -> Iterator[Watched]:
    """The stack, with its monitor through SSH."""

    with reopened(lambda: prometheus(stack)) as figures:
        yield Watched(
            stack.stack.name, stack.cloud, figures, lambda: measure(stack), lambda: _cost(stack)
        )


def _cost(stack: CloudStack) -> Cost:
    bill = stack.plan().cost.before
    lines = [
        CostLine(resource.name, resource.kind, price.per_month)
        for resource, price in zip(bill.resources, bill.prices, strict=True)
    ]
    told = "" if bill.per_month is None else "The stack as it is now costs "
    return Cost(bill.total.currency, bill.per_month, lines, told + bill.sentence())
