"""The journal of a stack's machine."""

from skytier.openstack.commands import beside
from skytier.openstack.commands.ssh_target import role_of, ssh_target
from skytier.openstack.stack import CloudStack
from skytier.roles import units_on


def logs(stack: CloudStack, source: str | None, *, follow: bool, lines: int) -> int:
    """Print the journal of what a machine runs; without a `source` it is the first web server.

    `source` may also be a process or a job of the application, whose lines are on all web servers.
    Returns the exit code of the command there. Raises SkytierError.
    """
    section = stack.stack.application
    names = [each.name for each in section.process] + [each.name for each in section.job]
    if source and source in names:
        return beside.logs(stack, source, follow=follow, lines=lines)
    machine = source or "web"
    with ssh_target(stack, machine) as host:
        role = role_of(machine, host.name, stack.stack.name)
        number = int(host.name.rpartition("-")[2])
        units = [f"--unit='{unit}'" for unit in units_on(stack.stack, role, number)]
        journal = ["sudo", "journalctl", "--no-pager", f"--lines={lines}", *units]
        return host.attend("--", *journal, *(["--follow"] if follow else []))
