"""`skytier down`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json, Yes

app = typer.Typer()


@app.command(epilog="Example: skytier down --cloud mycloud\n\nExample: skytier down --purge --yes")
def down(
    cloud: Cloud = None,
    file: File = None,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="On this machine: delete data, settings and logs, too."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take the stack down.

    On a cloud: delete everything that carries the stack's mark, data and all, and nothing else.
    On this machine: stop everything; the data stays, unless --purge is given.
    """
    wanted = chosen.stack_file(file, cloud)
    chosen.down(wanted)(wanted, purge=purge, yes=yes, as_json=as_json)
