"""`skytier down`"""

from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.local import home
from skytier.local.stack import Stack

app = typer.Typer()


@app.command(epilog="Example: skytier down --cloud mycloud\n\nExample: skytier down --purge --yes")
def down(
    cloud: Cloud = None,
    file: File = None,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="On this machine: also delete data, settings and logs."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete the stack on a cloud, or stop the one on this machine.

    On a cloud: delete every resource of the stack, with its data, and nothing else. On this
    machine: stop everything; the data stays, unless you give --purge.
    """
    wanted = chosen.stack_file(file, cloud)
    if wanted.cloud:
        from skytier.cli.on_cloud.down import down as down_on_cloud

        down_on_cloud(wanted, yes=yes, as_json=as_json)
        return
    stack = Stack(home.from_environment())
    if purge and stack.home.path.exists():
        question = f"Delete {stack.home.path} with all data of the application?"
        console.confirm(question, yes, "This deletes data, and there is nobody to ask.")
    ran = stack.down(console.StepList(), purge=purge)
    if not ran:
        console.out.print("Nothing is running.")
    elif not purge:
        console.out.print("Stopped. The data stays: skytier up goes on with it.")
