"""The way for a person into one machine of a stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.machines import stack_key
from skytier.openstack.machines.access import Access, hosts
from skytier.openstack.plan.kinds import resources_now
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES


@contextmanager
def ssh_target(
    stack: CloudStack, machine: str, tell: Tell = lambda text: None
) -> Iterator[SshHost]:
    """The machine for `web`, `web/2` or `shop-web-2`, while the context is open.

    `monitor` is the web server that it is on, where it has no machine of its own.
    Raises SkytierError for a machine that there is not, or that there is no way to.
    """
    known = resources_now(stack.kinds)
    names = [host.name for host in hosts(known, stack.operator.way)]
    role, _, number = machine.partition("/")
    name = machine if machine in names else f"{stack.stack.name}-{role}-{number or 1}"
    if name not in names and role in ROLES and number in ("", "1"):
        beside = [f"{stack.stack.name}-{each}-1" for each in ROLES[role].colocated_with]
        name = next((each for each in beside if each in names), name)
    if name not in names:
        raise SkytierError(
            f"The stack {stack.stack.name} has no machine {machine}.",
            f"It has: {', '.join(names)}" if names else "It is not up: skytier up.",
        )
    stack.operator.check_key(stack_key.public_key(known.values(), stack.operator))
    with Ssh() as shell:
        Access(stack.connection, stack.operator, shell).open(name, known, tell)
        yield SshHost(shell, name)


def role_of(machine: str, host: str, stack: str) -> str:
    """Whose machine was asked for: `web` for `web/2`, and for the host `shop-web-2` of `shop`."""
    role = machine.partition("/")[0]
    return role if role in ROLES else host.removeprefix(f"{stack}-").rpartition("-")[0]
