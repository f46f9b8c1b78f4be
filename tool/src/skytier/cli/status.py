"""`skytier status`"""

import json
from dataclasses import asdict

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.local import home
from skytier.local import status as local
from skytier.local.stack import Stack
from skytier.stack import StackFile
from skytier.status import Status

app = typer.Typer()
NOT_HEALTHY = 3


@app.command(
    epilog="Exit codes: 0 healthy; 1 it failed; 3 not healthy.\n\nExample: skytier status --json"
)
def status(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show what runs, measured now. Exits 3 when it is not healthy or does not run."""
    measured = _measure(chosen.stack_file(file, cloud))
    if as_json:
        print(json.dumps(asdict(measured), indent=2))  # noqa: T201  # nothing may wrap or colour it
    else:
        _table(measured)
    if not measured.healthy:
        if not any(s.running for m in measured.machines for s in m.services):
            console.err.print("Nothing runs. Start it: skytier up")
        raise typer.Exit(NOT_HEALTHY)


def _measure(wanted: StackFile) -> Status:
    if wanted.cloud is None:
        return local.measure(Stack(home.from_environment()))
    from skytier.cloud.status import measure

    return measure(chosen.cloud_stack(wanted))


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
    for drift in measured.drift:
        line = f"{drift.kind} {drift.resource}: to {drift.action}, {drift.reason}"
        console.out.print(Text(line, "yellow"))
    state = Text("healthy", "green") if measured.healthy else Text("not healthy", "red")
    console.out.print(Text.assemble(f"{measured.url or measured.name} is ", state))
