"""`skytier status`"""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import chosen, console, faults, jobs
from skytier.cli.chosen import Cloud, File, Json
from skytier.sizes import of_objects
from skytier.status import MachineStatus, ServiceStatus, Status

app = typer.Typer()
NOT_HEALTHY = 3
LEAST_ROOM = 20
"""Characters for a detail in the narrowest terminal."""


@app.command(
    epilog="Exit codes: 0 healthy; 1 it failed; 3 not healthy.\n\nExample: skytier status --json"
)
def status(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show the health of every machine and service, now. Exits with 3 if not healthy."""
    measured = chosen.backend(chosen.stack_file(file, cloud)).status()
    if as_json:
        print(json.dumps(asdict(measured), indent=2))  # noqa: T201  # nothing may wrap or colour it
    else:
        show(measured)
    if not measured.healthy:
        if not any(s.running for m in measured.machines for s in m.services):
            console.err.print("Nothing runs. Start it: skytier up")
        raise typer.Exit(NOT_HEALTHY)


def in_short(detail: str, room: int) -> str:
    """A detail as one line of at most `room` characters; what is cut ends with an ellipsis.

    Lines of a log are none for a table: of those it only says that they stand below.
    """
    first, more, _ = printable(detail).partition("\n")
    if first.startswith(("{", "[")):
        return "see below"
    if more:
        first += " …"
    return first if len(first) <= room else f"{first[: room - 1].rstrip()}…"


def printable(detail: str) -> str:
    """A detail without what a terminal would obey: a machine's log may have anything in it."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in detail)


def _rows(measured: Status) -> list[tuple[MachineStatus, ServiceStatus]]:
    return [(machine, service) for machine in measured.machines for service in machine.services]


def _drawn(rows: Sequence[tuple[MachineStatus, ServiceStatus]], room: int) -> Table:
    """The table, with details of at most `room` characters. No line of it is ever wrapped."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    here = any(service.pid for _, service in rows)
    for heading in ("Machine", "Service", "State", *(["Process"] if here else []), "Detail"):
        table.add_column(heading, no_wrap=True)
    for machine, service in rows:
        state = Text("running", "green") if service.running else Text("stopped", "red")
        process = [str(service.pid or "")] if here else []
        detail = Text(in_short(service.detail, room)) if room else ""
        table.add_row(machine.name, service.name, state, *process, detail)
    return table


def show(measured: Status) -> None:
    """Print the table, and below it in full what has no room in it."""
    rows = _rows(measured)
    # Details get what the other columns leave of the terminal's line.
    others = console.out.measure(_drawn(rows, 0)).maximum - len("Detail")
    room = max(LEAST_ROOM, console.out.width - others)
    console.out.print(_drawn(rows, room))
    for machine, service in rows:
        if in_short(service.detail, room) != service.detail:
            console.out.print(Text(f"{service.name} on {machine.name}:", "bold"))
            console.out.print(Text(textwrap.indent(printable(service.detail), "  ") + "\n"))
    if measured.jobs:
        console.out.print(jobs.table(measured.jobs))
    for each in measured.containers:
        console.out.print(Text(f"container {each.name}: {of_objects(each.objects, each.bytes)}"))
    faults.show(measured.faults)
    for drift in measured.drift:
        line = f"{drift.kind} {drift.resource}: to {drift.action}, {drift.reason}"
        console.out.print(Text(line, "yellow"))
    state = Text("healthy", "green") if measured.healthy else Text("not healthy", "red")
    console.out.print(Text.assemble(f"{measured.url or measured.name} is ", state))
    if measured.ipv6_url:
        said = measured.ipv6_wrong or f"By IPv6: {measured.ipv6_url}/"
        console.out.print(Text(said, "yellow" if measured.ipv6_wrong else ""))
