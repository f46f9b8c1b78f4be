"""`skytier top`"""

import json
from typing import Annotated

import typer
from rich.live import Live as Screen

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.figures import drawn

app = typer.Typer()


@app.command(
    epilog="Example: skytier top"
    "\n\nExample: skytier top --once --json | jq '.machines[].cpu_percent'"
)
def top(
    cloud: Cloud = None,
    file: File = None,
    once: Annotated[bool, typer.Option("--once", help="Print the figures once, and end.")] = False,
    every: Annotated[
        float, typer.Option(min=1, max=60, metavar="SECONDS", help="Time between two updates.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Show live CPU, memory, disk and network, requests, latency, errors and database.

    The figures come from the stack's monitor. If it does not answer, they come from the
    exporters on the machines. `--json` prints one object for each update. Ctrl-C ends it.
    """
    with chosen.backend(chosen.stack_file(file, cloud)).view() as view:
        try:
            if as_json or once:
                for shown in view.pictures(1 if once else None, every):
                    if as_json:
                        # Nothing may wrap or colour it; a line for each look, when there are many.
                        print(json.dumps(shown.document(), indent=2 if once else None), flush=True)  # noqa: T201
                    else:
                        console.out.print(drawn(shown, view.lately))
                return
            with Screen(console=console.out, screen=console.out.is_terminal) as screen:
                for shown in view.pictures(None, every):
                    screen.update(drawn(shown, view.lately), refresh=True)
        except KeyboardInterrupt:
            return
