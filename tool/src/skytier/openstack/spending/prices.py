"""Which rates a stack is priced by: those of a file, CloudKitty's, or examples."""

from collections.abc import Iterable
from pathlib import Path

from openstack.connection import Connection

from skytier.costs.cloudkitty.metrics import NO_CURRENCY, UntoldRates
from skytier.costs.price_list import PriceList
from skytier.costs.rates import EXAMPLE, load
from skytier.openstack.choices.choices import offered_flavors
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.spending import rating
from skytier.stackfile import StackFile


def prices(
    connection: Connection, stack: StackFile, flavors: Iterable[str], named: Path | None = None
) -> PriceList:
    """The rates of the file that was named, else of the stack file's, else CloudKitty's.

    `flavors` are the names of those that a price is needed of, since CloudKitty is asked for each.
    Where there is no CloudKitty they are examples; where it does not tell its prices, they are
    unknown. Raises SkytierError.
    """
    if path := named or (Path(stack.cost.rates) if stack.cost.rates else None):
        return PriceList(load(path))
    try:
        if not rating.is_there(connection):
            return PriceList(EXAMPLE)
        there = {each.name: each for each in offered_flavors(connection)}
    except API_ERRORS as error:
        raise explained("What the cloud offers could not be listed", error) from error
    fields = []
    for name in sorted(set(flavors)):
        about = {"flavor_name": name, "flavor": name}
        if size := there.get(name):
            about |= {"flavor_id": size.id, "vcpus": str(size.vcpus), "ram": str(size.ram_mib)}
        fields.append(about)
    currency = stack.cost.currency or NO_CURRENCY
    found, notes = rating.rates(connection, fields, currency)
    if found is None:
        return PriceList(UntoldRates(currency=currency), [*notes, UNKNOWN])
    if stack.cost.currency is None:
        notes = [*notes, UNSAID]
    return PriceList(found, notes)


UNKNOWN = (
    "So no cost is known, no budget is checked, and the monitor is told no cost. Try again later, "
    "or name a rates file in the stack file, cost.rates."
)
UNSAID = (
    f"CloudKitty does not say its currency: {NO_CURRENCY} is shown instead. Name it in the stack "
    "file, cost.currency."
)
