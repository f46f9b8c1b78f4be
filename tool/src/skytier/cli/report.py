"""`skytier report`"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skytier import moment
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File
from skytier.cli.output import writable
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.report.facts import Facts

app = typer.Typer()


class Format(StrEnum):
    """What a report can be."""

    HTML = "html"
    PDF = "pdf"
    JSON = "json"


@app.command(epilog="Example: skytier report --from -7d --format pdf --output week.pdf")
def report(
    cloud: Cloud = None,
    file: File = None,
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="A date, a time, or an age: -24h, -7d."),
    ] = "-24h",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="The same, or now.")] = "now",
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: the ending of --output, else html."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            callback=writable,
            metavar="PATH",
            help="The file to write. Default: named after the stack.",
        ),
    ] = None,
) -> None:
    """Write a report about a period: one file with charts and sentences.

    Availability, requests, latency, errors, machines, database, alerts, releases and cost.
    """
    first, last = moment.period(start, end)
    wanted = chosen.stack_file(file, cloud)
    form = form or _by_name(output) or Format.HTML
    # They take their time to import, which other commands need not wait for.
    from skytier.report.facts import gather

    with chosen.backend(wanted).watched() as stack:
        facts = gather(stack, first.timestamp(), last.timestamp())
    output = output or Path(f"{stack.name}-{last:%Y-%m-%d}.{form}")
    content = _written(facts, form)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise SkytierError(
            f"{output} cannot be written: {error.strerror}.", "Name another with --output."
        ) from error
    console.out.print(f"{output}: {len(facts.drawings)} charts, {len(content):,} bytes")


def _by_name(output: Path | None) -> Format | None:
    ending = output.suffix.removeprefix(".").lower() if output else ""
    return Format(ending) if ending in list(Format) else None


def _written(facts: "Facts", form: Format) -> bytes:
    # matplotlib is the slowest of all to import.
    if form is Format.PDF:
        from skytier.report.pdf import pdf

        return pdf(facts)
    if form is Format.HTML:
        from skytier.report.html import html

        return html(facts).encode()
    from skytier.report.as_json import as_json

    return as_json(facts).encode()
