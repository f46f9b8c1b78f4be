"""`skytier status`"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.local import home
from skytier.local.stack import Stack
from skytier.local.status import Status, measure

app = typer.Typer()
NOT_HEALTHY = 3


@app.command(epilog="Example: skytier status --json")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Show what runs, measured now. Exits 3 when it is not healthy or does not run."""
    measured = measure(Stack(home.from_environment()))
    if as_json:
        print(json.dumps(asdict(measured), indent=2))  # noqa: T201  # nothing may wrap or colour it
    else:
        _table(measured)
    if not measured.healthy:
        if not any(s.running for m in measured.machines for s in m.services):
            console.err.print("Nothing runs. Start it: skytier up")
        raise typer.Exit(NOT_HEALTHY)


def _table(measured: Status) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Machine", "Service", "State", "Process", "Detail"):
        table.add_column(heading)
    for machine in measured.machines:
        for service in machine.services:
            state = Text("running", "green") if service.running else Text("stopped", "red")
            table.add_row(
                machine.name,
                service.name,
                state,
                str(service.pid or ""),
                Text(service.detail),
            )
    console.out.print(table)
    state = Text("healthy", "green") if measured.healthy else Text("not healthy", "red")
    console.out.print(Text.assemble(f"{measured.url} is ", state))
