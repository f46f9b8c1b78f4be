"""Two bills side by side: of two stack files, or by two rates files."""

import json
from collections.abc import Sequence
from decimal import Decimal

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.cli.cost import data, priced
from skytier.costs.bill import Bill, difference
from skytier.costs.money import exact_sum


def show(before: Bill, after: Bill, names: Sequence[str], *, as_json: bool) -> None:
    """Print two bills side by side, and what changes from one to the other."""
    if as_json:
        both = {"before": data.of_bill(before), "after": data.of_bill(after)}
        changes = data.of_changes(before, after) if _comparable(before, after) else {}
        print(json.dumps({**both, **changes}, indent=2))  # noqa: T201
        return
    console.out.print(_table(before, after, names))
    if _comparable(before, after):
        console.out.print(str(difference(before, after)), markup=False)
    console.out.print(Text("\n".join(priced.notes(before, after)), "dim"))


def _table(before: Bill, after: Bill, names: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Resource", overflow="fold")
    for name, bill in zip(names, (before, after), strict=True):
        table.add_column(f"{name}\n{bill.total.currency}/month", justify="right")
    if comparable := _comparable(before, after):
        table.add_column("Difference", justify="right")

    def add(what: str, old: Decimal | str, new: Decimal | str, style: str = "") -> None:
        pair = [each if isinstance(each, Decimal) else Decimal(0) for each in (old, new)]
        change = exact_sum([pair[1], -pair[0]])
        differs = [f"{change:+}" if change and "?" not in (old, new) else ""] * comparable
        table.add_row(what, str(old), str(new), *differs, style=style)

    first, second = _amounts(before), _amounts(after)
    for name in dict.fromkeys([*first, *second]):
        add(name, first.get(name, ""), second.get(name, ""))
    table.add_section()
    old, new = before.total, after.total
    if old.reduction or new.reduction:
        add("free allowances and tiers", -old.reduction, -new.reduction)
    if old.tax or new.tax:
        add("tax", old.tax, new.tax)
    add("total", old.per_month, new.per_month, "bold")
    return table


def _amounts(bill: Bill) -> dict[str, Decimal | str]:
    return {
        str(resource): "?" if price.per_month is None else price.per_month
        for resource, price in zip(bill.resources, bill.prices, strict=True)
    }


def _comparable(before: Bill, after: Bill) -> bool:
    return before.total.currency == after.total.currency
