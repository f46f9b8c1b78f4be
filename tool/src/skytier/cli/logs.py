"""`skytier logs`"""

import subprocess
from enum import StrEnum
from typing import Annotated

import typer

from skytier.errors import SkytierError
from skytier.local import home

app = typer.Typer()


class Service(StrEnum):
    """Whose log."""

    POSTGRESQL = "postgresql"
    APPLICATION = "application"
    NGINX = "nginx"


FILES = {
    Service.POSTGRESQL: ["postgresql.log"],
    Service.APPLICATION: ["application.log"],
    Service.NGINX: ["nginx.log", "access.log"],
}


@app.command(epilog="Example: skytier logs application --follow")
def logs(
    service: Annotated[
        Service | None, typer.Argument(help="Whose log. All of them at first.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many lines of each file.")
    ] = 20,
) -> None:
    """Show the services' logs."""
    directory = home.from_environment().logs
    names = [name for each in Service if service in (None, each) for name in FILES[each]]
    paths = [directory / name for name in names if (directory / name).exists()]
    if not paths:
        raise SkytierError(f"There is no log in {directory} yet.", "Start it: skytier up")
    try:
        subprocess.run(
            ["tail", f"--lines={lines}", *(["--follow=name"] if follow else []), *paths], check=True
        )
    except KeyboardInterrupt:
        return
    except subprocess.CalledProcessError as error:
        raise typer.Exit(1) from error
