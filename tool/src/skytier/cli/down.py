"""`skytier down`"""

from typing import Annotated

import typer

from skytier.cli import console
from skytier.local import home
from skytier.local.stack import Stack

app = typer.Typer()


@app.command(epilog="Example: skytier down --purge --yes")
def down(
    purge: Annotated[
        bool, typer.Option("--purge", help="Delete the data, the settings and the logs, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --purge.")] = False,
) -> None:
    """Stop everything. The data stays, unless --purge is given."""
    stack = Stack(home.from_environment())
    if purge and stack.home.path.exists():
        console.confirm(f"Delete {stack.home.path} with all data of the application?", yes)
    ran = stack.down(console.StepList(), purge=purge)
    if not ran:
        console.out.print("Nothing is running.")
    elif not purge:
        console.out.print("Stopped. The data stays: skytier up goes on with it.")
