"""`skytier cost chargeback`"""

import csv
import io
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.cost import asked
from skytier.cli.cost.asked import End, MonitorUrl, RatesFile, Start, Zone
from skytier.costs.chargeback import Share, chargeback
from skytier.costs.rates import RatesBy
from skytier.costs.report import Report

app = typer.Typer()
NAMES = {"unlabelled": "(without the label)", "shared": "(of no stack)"}


@app.command(
    name="chargeback",
    epilog="Example: skytier cost chargeback --by team --from 2026-11 --to 2026-11\n\n"
    "Example: skytier cost chargeback --by stack --spread-shared --format csv",
)
def charge_back(
    by: Annotated[
        str,
        typer.Option(metavar="LABEL", help="A label of stack files, such as team, or stack."),
    ],
    cloud: Cloud = None,
    file: File = None,
    start: Start = "-30d",
    end: End = "now",
    spread: Annotated[
        bool,
        typer.Option("--spread-shared", help="Divide what belongs to no stack among the others."),
    ] = False,
    rates: RatesFile = None,
    zone: Zone = "UTC",
    prometheus: MonitorUrl = None,
    written: Annotated[
        asked.Format, typer.Option("--format", help="The format of the output.")
    ] = asked.Format.TABLE,
    as_json: Json = False,
) -> None:
    """Divide the bill of the whole project by a label. The rows add up to the bill, to the cent."""
    bill = asked.bill(cloud, file, start, end, rates, zone, prometheus, everything=True).report
    rows = chargeback(bill.statement, by, spread_shared=spread)
    if as_json or written is asked.Format.JSON:
        print(json.dumps(_as_data(bill, by, rows), indent=2))  # noqa: T201
    elif written is asked.Format.CSV:
        print(_as_csv(bill, by, rows), end="")  # noqa: T201
    else:
        _show(bill, by, rows)


def _row(by: str, row: Share) -> dict[str, str]:
    return {
        "belongs": row.belongs,
        by: row.value,
        "own": f"{row.own}",
        "spread": f"{row.spread}",
        "tax": f"{row.tax}",
        "total": f"{row.total}",
    }


def _as_data(bill: Report, by: str, rows: Sequence[Share]) -> dict[str, object]:
    return {
        "about": bill.about,
        "from": bill.period.start.isoformat(),
        "to": bill.period.end.isoformat(),
        "currency": bill.statement.currency,
        "example_rates": bill.rates_by is RatesBy.EXAMPLES,
        "rates_by": str(bill.rates_by),
        "rated": bill.rated,
        "gross": str(bill.statement.gross),
        "by": by,
        "rows": [
            {**_row(by, row), "stacks": {name: str(own) for name, own in row.stacks.items()}}
            for row in rows
        ],
        "without_price": bill.statement.unknown,
        "notes": list(bill.notes),
    }


def _as_csv(bill: Report, by: str, rows: Sequence[Share]) -> str:
    text = io.StringIO()
    columns = ["belongs", by, "own", "spread", "tax", "total", "currency"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**_row(by, row), "currency": bill.statement.currency} for row in rows)
    return text.getvalue()


def _show(bill: Report, by: str, rows: Sequence[Share]) -> None:
    from skytier.cli.cost import shown

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column(by.capitalize(), "Sum")
    table.add_column("Stacks")
    for name in ("Own", "Of the shared", "Tax"):
        table.add_column(name, justify="right")
    table.add_column(bill.statement.currency, f"{bill.statement.gross}", justify="right")
    for row in rows:
        table.add_row(
            Text(row.value or NAMES[row.belongs]),
            Text(", ".join(f"{name} {own}" for name, own in row.stacks.items() if name)),
            *(str(each) for each in (row.own, row.spread, row.tax, row.total)),
        )
    console.out.print(Text(shown.heading(bill)))
    console.out.print(table)
    console.out.print(Text(shown.total(bill)))
    for note in shown.remarks(bill):
        console.out.print(Text(note, "dim"))
