"""`skytier metrics`"""

import difflib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from skytier.charts.chart import Chart
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.output import writable
from skytier.errors import SkytierError
from skytier.metrics import export
from skytier.metrics.catalogue import BY_ID, CHARTS
from skytier.moment import period

app = typer.Typer()
_commands = typer.Typer(no_args_is_help=True, help="Export what was measured, for other programs.")
app.add_typer(_commands, name="metrics")


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"


def _charts(ids: Sequence[str] | None) -> Sequence[Chart]:
    for each in ids or []:
        if each not in BY_ID:
            near = difflib.get_close_matches(each, BY_ID, 1, 0.4)
            meant = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(BY_ID)}."
            raise typer.BadParameter(f"There is no metric {each}.{meant}", param_hint="--metric")
    return [BY_ID[each] for each in ids] if ids else CHARTS


@_commands.command(
    "export", epilog="Example: skytier metrics export --from -24h --format csv --output day.csv"
)
def export_metrics(
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="A date, a time, or an age: -24h.")
    ] = "-1h",
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="The same, or now.")] = "now",
    form: Annotated[Format, typer.Option("--format", help="Parquet needs pyarrow.")] = Format.CSV,
    output: Annotated[
        Path | None,
        typer.Option(
            *("--output", "-o"),
            callback=writable,
            metavar="FILE",
            help="The file to write. Default: CSV is printed.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", metavar="ID", help="Only this metric. Can be given more than once."
        ),
    ] = None,
    step: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="The time between two rows of a series."),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Write a row for each value: time, metric, unit, machine, series, value."""
    charts = _charts(metric)
    start, end = (each.timestamp() for each in period(since, to))
    if form is Format.PARQUET and output is None:
        raise typer.BadParameter("Parquet goes into a file: name one.", param_hint="--output")
    with chosen.backend(chosen.stack_file(file, cloud)).source() as source:
        # All of it before the file is opened: half a file is none.
        found = list(export.rows(source, charts, start, end, step or export.step(start, end)))
    if output is None:
        export.write_csv(sys.stdout, found)
        return
    try:
        if form is Format.PARQUET:
            written = export.write_parquet(output, found)
        else:
            with output.open("w", newline="") as opened:
                written = export.write_csv(opened, found)
    except OSError as error:
        raise SkytierError(
            f"{output} cannot be written: {error.strerror}.", "Name another file with --output."
        ) from error
    console.out.print(f"{written} rows in {output}", markup=False)


@_commands.command("cloud", epilog="Example: skytier metrics cloud --cloud mycloud --json")
def cloud_metrics(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show what the cloud itself measures: Nova's diagnostics, and Gnocchi's measures.

    Most clouds show diagnostics to administrators only, and have no Gnocchi. The output says so.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    from skytier.openstack.watching.cloud_metrics import ask

    found = ask(stack)
    if as_json:
        print(json.dumps(asdict(found), indent=2))  # noqa: T201  # nothing may wrap or colour it
        return
    for note in found.notes:
        console.out.print(note, style="yellow", markup=False)
    for title, servers in (("Nova", found.diagnostics), ("Gnocchi", found.measures)):
        for server, figures in servers.items():
            console.out.print(f"{title}: {server}", style="bold", markup=False)
            for name, value in figures.items():
                console.out.print(f"  {name:<40}{value}", markup=False)
