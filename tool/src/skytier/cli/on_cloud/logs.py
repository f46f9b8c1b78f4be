"""`skytier logs` on a cloud."""

import typer

from skytier.cli.chosen import cloud_stack
from skytier.openstack.ssh_target import role_of, ssh_target
from skytier.roles import ROLES
from skytier.stackfile import StackFile


def logs(wanted: StackFile, machine: str, *, follow: bool, lines: int) -> None:
    """The journal of what a machine is there for."""
    with ssh_target(cloud_stack(wanted), machine) as (shell, host):
        units = [f"--unit='{unit}'" for unit in ROLES[role_of(machine, host, wanted.name)].units]
        journal = ["sudo", "journalctl", "--no-pager", f"--lines={lines}", *units]
        code = shell.attend(host, "--", *journal, *(["--follow"] if follow else []))
    if code:
        raise typer.Exit(code)
