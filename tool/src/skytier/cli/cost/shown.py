"""A bill as people and as scripts read it."""

import csv
import io
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.costs.cloudkitty.rated import Compared
from skytier.costs.rates import RatesBy
from skytier.costs.report import By, Report


def as_data(bill: Report, by: By, theirs: Sequence[Compared]) -> dict[str, object]:
    """For scripts. Money is text, so that it stays exact; times are in UTC."""
    sums = bill.statement
    return {
        "about": bill.about,
        "from": bill.period.start.isoformat(),
        "to": bill.period.end.isoformat(),
        "currency": sums.currency,
        "example_rates": bill.rates_by is RatesBy.EXAMPLES,
        "rates_by": str(bill.rates_by),
        "rated": bill.rated,
        "net": str(sums.net),
        "tax": str(sums.tax),
        "gross": str(sums.gross),
        "by": str(by),
        "rows": bill.rows(by),
        "without_price": sums.unknown,
        "notes": list(bill.notes),
        "cloudkitty": [
            {
                "kind": each.what,
                "ours": None if each.ours is None else str(each.ours),
                "theirs": None if each.theirs is None else str(each.theirs),
            }
            for each in theirs
        ],
    }


def as_csv(bill: Report, by: By) -> str:
    """A line for each row, after one with the names of the columns."""
    text = io.StringIO()
    rows = bill.rows(by)
    columns = list(rows[0]) if rows else [str(by), "amount", "currency"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def show(bill: Report, by: By, theirs: Sequence[Compared]) -> None:
    """Print it as a table."""
    sums = bill.statement
    console.out.print(Text(heading(bill)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    if by is By.RESOURCE:
        for name in ("Resource", "Part"):
            table.add_column(name)
        for name in ("Quantity", "Rate", sums.currency):
            table.add_column(name, justify="right")
        last = ""
        for line in sums.lines():
            same, last = line.usage.id == last, line.usage.id
            table.add_row(
                Text("" if same else line.resource),
                Text(line.what),
                f"{float(line.quantity):,.4f} {line.unit}",
                "not known" if line.rate is None else f"{line.rate:f}",
                "" if line.rate is None else f"{line.amount}",
            )
    else:
        table.add_column(by.capitalize())
        table.add_column(sums.currency, justify="right")
        for name, amount in bill.amounts(by):
            table.add_row(Text(name), f"{amount}")
    if table.rows:
        console.out.print(table)
    console.out.print(Text(total(bill)))
    for note in remarks(bill):
        console.out.print(Text(note, "dim"))
    if theirs:
        console.out.print(_beside(theirs, sums.currency))


def _beside(theirs: Sequence[Compared], currency: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Beside CloudKitty")
    table.add_column("Kind")
    for name in (f"What was used, {currency}", "What CloudKitty charged"):
        table.add_column(name, justify="right")
    for each in theirs:
        both = ("" if amount is None else f"{amount}" for amount in (each.ours, each.theirs))
        table.add_row(Text(each.what), *both)
    return table


def heading(bill: Report) -> str:
    """`stack shop, 2026-11-01 00:00:00 to 2026-11-24 18:00:00 (UTC)`"""
    zone = bill.period.zone
    start, end = (
        f"{each.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        for each in (bill.period.start, bill.period.end)
    )
    return f"{bill.about}, {start} to {end} ({zone})"


def total(bill: Report) -> str:
    """`12.34 EUR (10.37 and 1.97 of tax), by the rates file.`"""
    sums = bill.statement
    words = f"{sums.gross} {sums.currency}"
    if sums.tax:
        words += f" ({sums.net} and {sums.tax} of tax)"
    return f"{words}, {bill.source}."


def remarks(bill: Report) -> list[str]:
    """What is not in the sum, and what the cloud could not tell."""
    unknown = [f"Not in the sum: {each}." for each in bill.statement.unknown]
    return [*unknown, *bill.notes]
