"""`skytier cost report`"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from skytier import files
from skytier.cli import console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.cost import asked
from skytier.cli.cost.asked import Asked, End, Everything, MonitorUrl, RatesFile, Start, Zone
from skytier.cli.output import writable
from skytier.costs.report import By
from skytier.errors import SkytierError

app = typer.Typer()


class Written(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


@app.command(
    epilog="Example: skytier cost report --cloud mycloud --from 2026-11 --by role\n\n"
    "Example: skytier cost report --from -7d --all --format html --output week.html"
)
def report(
    cloud: Cloud = None,
    file: File = None,
    start: Start = "-30d",
    end: End = "now",
    by: Annotated[By, typer.Option(help="What each row stands for.")] = By.RESOURCE,
    everything: Everything = False,
    rates: RatesFile = None,
    zone: Zone = "UTC",
    prometheus: MonitorUrl = None,
    written: Annotated[
        Written, typer.Option("--format", help="The format of the output.")
    ] = Written.TABLE,
    output: Annotated[
        Path | None,
        typer.Option(
            callback=writable, metavar="PATH", help="The file to write. Default: the terminal"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what was used on a cloud and what it cost, to the second, deleted resources too."""
    found = asked.bill(cloud, file, start, end, rates, zone, prometheus, everything=everything)
    text = _text(found, by, Written.JSON if as_json else written)
    if output is None:
        print(text, end="")  # noqa: T201  # nothing may wrap or colour it
        return
    try:
        files.write(output, text)
    except OSError as error:
        raise SkytierError(
            f"{output} cannot be written: {error.strerror}.", "Name another file with --output."
        ) from error
    sums = found.report.statement
    console.err.print(Text(f"Wrote {output}: {sums.gross} {sums.currency}."))


def _text(found: Asked, by: By, written: Written) -> str:
    from skytier.cli.cost import shown

    match written:
        case Written.JSON:
            return json.dumps(shown.as_data(found.report, by, found.beside), indent=2) + "\n"
        case Written.CSV:
            return shown.as_csv(found.report, by)
        case Written.HTML:
            from skytier.cli.cost.page import page

            return page(found.report, by, found.beside)
    with console.out.capture() as captured:
        shown.show(found.report, by, found.beside)
    return captured.get()
