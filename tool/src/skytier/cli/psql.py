"""`skytier psql`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File

app = typer.Typer()


@app.command(epilog="Example: skytier psql -- -c 'SELECT count(*) FROM users'")
def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of psql. Default: an interactive session")
    ] = None,
    replica: Annotated[
        bool, typer.Option("--replica", help="Connect to a replica, which is read-only.")
    ] = False,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Open psql on the stack's database, as the application's user.

    On a cloud it runs on a database server, and connects to the primary. The exit code is that of
    psql.
    """
    stack = chosen.backend(chosen.with_database(file, cloud))
    raise typer.Exit(stack.attend_psql(*arguments or (), replica=replica))
