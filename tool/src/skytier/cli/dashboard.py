"""`skytier dashboard`"""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File

app = typer.Typer()


@app.command(epilog="Example: skytier dashboard --cloud mycloud")
def dashboard(
    cloud: Cloud = None,
    file: File = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="The port of the page on this machine; 0 means any free port."
        ),
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Show the stack in the browser: health, charts, alerts, releases and cost, live.

    The page is served on this machine only, to whoever has the printed address,
    until Ctrl-C. A stack on a cloud is read through SSH.
    """
    wanted = chosen.stack_file(file, cloud)
    # They take their time to import, which other commands need not wait for.
    from skytier.dashboard.server import open_browser, serve

    with (
        chosen.backend(wanted).watched() as stack,
        tempfile.TemporaryDirectory(prefix="skytier-") as folder,
    ):

        def ready(address: str) -> None:
            console.out.print(f"{stack.name} is at {address}", markup=False)
            if browser and not open_browser(address, Path(folder)):
                console.out.print("No browser was found. Open it here, or through an SSH tunnel.")
            console.out.print("Ctrl-C ends it.")

        serve(stack, port, ready)
