"""`skytier ssh`, `skytier exec`"""

import shlex
from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File

app = typer.Typer()

MachineName = Annotated[
    str, typer.Argument(metavar="ROLE[/N]", help="Which machine: web, web/2, database, monitor.")
]


@app.command(epilog="Example: skytier ssh web --cloud mycloud -- uptime")
def ssh(
    machine: MachineName,
    command: Annotated[
        list[str] | None, typer.Argument(help="The command to run there. Default: a shell")
    ] = None,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Open a shell on a machine, or run a command there, through the bastion if needed.

    The host keys come from the cloud's API, so no unknown key is accepted. The exit code is that
    of the command.
    """
    with chosen.cloud_stack(chosen.stack_file(file, cloud)).host(machine) as host:
        raise typer.Exit(host.attend(*(["--", *command] if command else [])))


@app.command("exec", epilog="Example: skytier exec --cloud mycloud web 'systemctl is-active nginx'")
def execute(
    machine: MachineName,
    command: Annotated[str, typer.Argument(help="A shell command, run as root.")],
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Run a command as root on one machine, and print its output."""
    with chosen.cloud_stack(chosen.stack_file(file, cloud)).host(machine) as host:
        raise typer.Exit(host.attend("--", "sudo", "bash", "-c", shlex.quote(command)))
