"""`skytier logs`"""

import signal
import subprocess
from enum import StrEnum
from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File
from skytier.errors import SkytierError
from skytier.local import home
from skytier.local.monitor.service import ALL, daemon_name

app = typer.Typer()


class Service(StrEnum):
    """Whose log."""

    POSTGRESQL = "postgresql"
    APPLICATION = "application"
    NGINX = "nginx"
    MONITOR = "monitor"


FILES = {
    Service.POSTGRESQL: ["postgresql.log"],
    Service.APPLICATION: ["application.log"],
    Service.NGINX: ["nginx.log", "access.log"],
    Service.MONITOR: [f"{daemon_name(part)}.log" for part in ALL],
}


@app.command(
    epilog="Example: skytier logs application --follow"
    "\n\nExample: skytier logs web/2 --cloud mycloud"
)
def logs(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE|ROLE[/N]",
            help="On this machine: postgresql, application, nginx or monitor; default: all. "
            "On a cloud: the machine; default: web.",
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
    """Show logs: of a service on this machine, of a machine on a cloud."""
    wanted = chosen.stack_file(file, cloud)
    if wanted.cloud:
        from skytier.cli.on_cloud.logs import logs as logs_on_cloud

        logs_on_cloud(wanted, source or "web", follow=follow, lines=lines)
    else:
        _local(source, follow=follow, lines=lines)


def _local(source: str | None, *, follow: bool, lines: int) -> None:
    if source not in (None, *Service):
        known = ", ".join(Service)
        raise typer.BadParameter(f"{source!r} is none of {known}, which run on this machine.")
    directory = home.from_environment().logs
    names = [name for each in Service if source in (None, each) for name in FILES[each]]
    paths = [directory / name for name in names if (directory / name).exists()]
    if not paths:
        raise SkytierError(f"There is no log in {directory} yet.", "Start it: skytier up")
    options = ["--follow=name"] if follow else []
    command = ["tail", f"--lines={lines}", *options, *map(str, paths)]
    try:
        code = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return
    # Ctrl-C goes to both, and tail may be gone before it is noticed here.
    if code not in (0, -signal.SIGINT):
        raise typer.Exit(1)
