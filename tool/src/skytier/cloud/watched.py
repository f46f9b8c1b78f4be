"""A stack on a cloud for the dashboard and reports."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.cloud.stack import CloudStack
from skytier.cloud.status import measure
from skytier.cloud.watching import prometheus
from skytier.costs import rates
from skytier.costs.bill import Bill
from skytier.metrics.reopened import reopened
from skytier.watched import Cost, CostLine, Watched


@contextmanager
def watched(stack: CloudStack) -> Iterator[Watched]:
    """The stack, with its monitor through SSH."""

    with reopened(lambda: prometheus(stack)) as figures:
        yield Watched(
            stack.stack.name, stack.cloud, figures, lambda: measure(stack), lambda: _cost(stack)
        )


def _cost(stack: CloudStack) -> Cost:
    plan = stack.plan()
    bill = Bill(rates.EXAMPLE, plan.blueprint.choices)
    prices = [(step.key, bill.found(step)) for step in plan.steps]
    lines = [CostLine(key.name, key.kind, price.per_month) for key, price in prices if price]
    total = bill.before(plan.steps)
    sentence = f"The stack costs {total.per_month} {bill.currency} a month as it is now"
    if total.unknown:
        sentence += f", and {total.unknown} resources have no known price"
    if bill.rates.is_example:
        sentence += ", by example rates that are no cloud's"
    return Cost(bill.currency, total.per_month, lines, f"{sentence}.")
