"""The bill of a period: what CloudKitty has rated, or what was used by our rates. Only asks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from skytier.costs import clock
from skytier.costs.cloudkitty.metrics import NO_CURRENCY, CloudKittyRates
from skytier.costs.cloudkitty.rated import Compared, Rated, charges, side_by_side
from skytier.costs.period import Period
from skytier.costs.rates import RatesBy
from skytier.costs.report import Report, report
from skytier.costs.statement import statement
from skytier.costs.usage import Usage
from skytier.openstack.spending import rating
from skytier.openstack.spending.prices import prices
from skytier.openstack.stack import CloudStack
from skytier.openstack.usages import project, traffic
from skytier.openstack.usages.collected import Window

WHOLE_PERIODS = (
    "CloudKitty rates whole hours, or what its operator chose instead, and some of them late: the "
    "last ones are not in its data yet."
)
ONLY_SUMS = (
    "CloudKitty tells sums of the whole project here, and of no resource: --all shows them. This "
    "is what was used."
)


def bill(
    stack: CloudStack,
    wanted: Period,
    rates_file: Path | None,
    prometheus: str | None,
    *,
    everything: bool,
    measured: bool = False,
) -> tuple[Report, Sequence[Compared]]:
    """The bill of a stack or of the whole project; beside it, by kind, both ways to come to it.

    CloudKitty's rated data are the bill where it is there and no rates file is named. With
    `measured` it is what was used all the same, which is up to date. Raises SkytierError.
    """
    connection, name = stack.connection, None if everything else stack.stack.name
    window = Window(wanted.month_start, wanted.end)
    kept = project.collect(connection, window)
    sent = traffic.collect(stack, prometheus, kept.usages, window)
    usages = [*kept.usages, *sent.usages]
    flavors = {each.flavor for each in usages if each.flavor}
    priced = prices(connection, stack.stack, flavors, rates_file)
    notes = [*priced.notes, *kept.notes, *sent.notes]
    about = f"stack {name}"
    if everything:
        about = f"project {connection.current_project.name or stack.project.id}"
    ours = report(priced.rates, usages, wanted, about, notes, stack=name)
    if measured or not rating.is_there(connection):
        return ours, ()
    kitty = rating.CloudKitty(connection)
    try:
        rows, units, period_s = kitty.charged(_days(wanted)), kitty.units(), kitty.period_s()
    except rating.NOT_TOLD as error:
        return _with(ours, f"CloudKitty does not tell what it charged: {error}"), ()
    known = {each.id: each for each in usages}
    if name and rows and not any(row.id for row in rows):
        return _with(ours, ONLY_SUMS), ()
    theirs = [row for row in rows if name is None or _stack_of(row, known) == name]
    beside = side_by_side(ours.statement, theirs)
    if priced.rates.by is RatesBy.FILE:
        return ours, beside
    summed = charges(theirs, known, units, wanted.zone, period_s)
    card = CloudKittyRates(currency=stack.stack.cost.currency or NO_CURRENCY)
    return Report(
        about,
        wanted,
        statement(card, summed, wanted.zone),
        RatesBy.CLOUDKITTY,
        [WHOLE_PERIODS, *notes],
        rated=True,
    ), beside


def _with(ours: Report, note: str) -> Report:
    return Report(ours.about, ours.period, ours.statement, ours.rates_by, [note, *ours.notes])


def _stack_of(row: Rated, known: Mapping[str, Usage]) -> str:
    return known[row.id].stack if row.id in known else ""


def _days(wanted: Period) -> list[tuple[datetime, datetime]]:
    """From when to when each day of the period is: CloudKitty tells one sum of a time."""
    first, last = clock.second_of(wanted.start), clock.second_of(wanted.end)
    begins = [max(begin, first) for _, begin in clock.days(first, last, wanted.zone)]
    times = [datetime.fromtimestamp(each, UTC) for each in [*begins, last]]
    return list(pairwise(times))
