"""`skytier logs`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File

app = typer.Typer()


@app.command(
    epilog="Example: skytier logs application --follow"
    "\n\nExample: skytier logs web/2 --cloud mycloud"
)
def logs(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE|ROLE[/N]|NAME",
            help="On this machine: postgresql, redis, processes, application, nginx or monitor; "
            "default: all. On a cloud: the machine; default: web. Or a process or job of the "
            "application.",
        ),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Also show new lines, until Ctrl-C.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many lines of each file.")
    ] = 20,
) -> None:
    """Show logs: of a service on this machine, of a machine on a cloud, of a process or a job."""
    stack = chosen.backend(chosen.stack_file(file, cloud))
    try:
        code = stack.logs(source, follow=follow, lines=lines)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if code:
        raise typer.Exit(code)
