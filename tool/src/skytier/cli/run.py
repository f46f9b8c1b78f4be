"""`skytier run`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File

app = typer.Typer()


@app.command(epilog="Example: skytier run -- python manage.py createsuperuser")
def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Run a command of the application, with its code, packages, variables and database.

    On a cloud it runs on the first web server. It has your terminal, and its exit code is that of
    the command.
    """
    stack = chosen.backend(chosen.stack_file(file, cloud))
    raise typer.Exit(stack.attend_application(*command))
