"""A bill of what would be there, part by part."""

import json
from decimal import Decimal

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.cli.cost import data
from skytier.costs import budget
from skytier.costs.bill import Bill, difference
from skytier.costs.rates import HOURS_A_MONTH
from skytier.costs.usage import Resource
from skytier.stackfile.model import CostSection


def show(after: Bill, section: CostSection, before: Bill | None = None, *, as_json: bool) -> None:
    """Print a bill with all its parts, and how it differs from what is there."""
    over = budget.over(section, (before or after).total, after.total)
    if as_json:
        answer = data.of_bill(after)
        answer["budget"] = data.text(section.budget)
        answer["over_budget"] = over is not None
        if before:
            answer |= data.of_changes(before, after)
            answer["per_month_before"] = data.text(before.per_month)
        print(json.dumps(answer, indent=2))  # noqa: T201  # nothing may wrap or colour it
        return
    console.out.print(table(after))
    console.out.print(after.sentence(), markup=False)
    if before and before.resources:
        console.out.print(str(difference(before, after)), markup=False)
    console.out.print(Text("\n".join(notes(after)), "dim"))
    if over:
        console.err.print(Text.assemble(("Budget: ", "bold yellow"), str(over)))


def notes(*bills: Bill) -> list[str]:
    """What has to be known to read the figures."""
    taken = [note for bill in bills for note in bill.notes]
    unknown = [
        f"Not in the total, since {reason}: {', '.join(resources)}."
        for bill in bills
        for reason, resources in bill.unknown.items()
    ]
    usual = f"A month is {HOURS_A_MONTH} hours. Traffic depends on use and is not in it."
    return list(dict.fromkeys([*unknown, *taken, usual]))


def _name(resource: Resource) -> str:
    """With its hours, where those are not all of the week."""
    if resource.share == 1:
        return str(resource)
    return f"{resource}, {float(resource.share * 168):g} of 168 hours a week"


def _quantity(quantity: Decimal) -> str:
    """With four digits behind the point at most.

    >>> _quantity(Decimal("0.75")), _quantity(Decimal("0.0051128119"))
    ('0.75', '0.0051')
    """
    rounded = quantity.quantize(Decimal("0.0001"))
    return f"{quantity if quantity == rounded else rounded:f}"


def table(bill: Bill) -> Table:
    """Each resource with its parts: quantity, unit, price, and what it costs by hour and month."""
    total = bill.total
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown.add_column("Resource", overflow="fold")
    shown.add_column("Quantity", justify="right")
    shown.add_column("Unit")
    for heading in (f"{total.currency} each", f"{total.currency}/hour", f"{total.currency}/month"):
        shown.add_column(heading, justify="right")
    for resource, price in zip(bill.resources, bill.prices, strict=True):
        if price.unknown:
            shown.add_row(str(resource), "1", resource.flavor, "?", "?", "?", style="yellow")
            continue
        parts = [
            (_quantity(line.quantity), line.unit, f"{line.rate:f}/{line.period}")
            for line in price.lines
        ]
        single = len(parts) == 1
        whole = parts[0] if single else ("1", "", "")
        first = (whole[0], resource.flavor or whole[1], whole[2])
        shown.add_row(_name(resource), *first, str(price.per_hour), str(price.per_month))
        for part, line in () if single else zip(parts, price.lines, strict=True):
            amounts = str(line.per_hour), str(line.per_month)
            shown.add_row(f"  {line.what}", *part, *amounts, style="dim")
    shown.add_section()
    if total.reduction:
        shown.add_row("free allowances and tiers", "", "", "", "", f"{-total.reduction}")
    if total.tax:
        shown.add_row("tax", "", "", f"{bill.rates.tax_percent:f}%", "", str(total.tax))
    told = bill.per_month is not None
    sums = (str(total.per_hour), str(total.per_month)) if told else ("?", "?")
    shown.add_row("total", "", "", "", *sums, style="bold")
    return shown
