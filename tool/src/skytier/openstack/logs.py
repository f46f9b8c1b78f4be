"""The journal of a stack's machine."""

from skytier.openstack.ssh_target import role_of, ssh_target
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES


def logs(stack: CloudStack, source: str | None, *, follow: bool, lines: int) -> int:
    """Print the journal of what a machine runs; without a `source` it is the first web server.

    Returns the exit code of the command there. Raises SkytierError.
    """
    machine = source or "web"
    with ssh_target(stack, machine) as (shell, host):
        role = ROLES[role_of(machine, host, stack.stack.name)]
        units = [f"--unit='{unit}'" for unit in role.units]
        journal = ["sudo", "journalctl", "--no-pager", f"--lines={lines}", *units]
        return shell.attend(host, "--", *journal, *(["--follow"] if follow else []))
