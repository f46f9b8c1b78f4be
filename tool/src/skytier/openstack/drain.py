"""Web servers that the operator takes out of the balancer, and puts back."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.errors import SkytierError
from skytier.hosts.ssh import SshHost
from skytier.openstack.ssh_target import role_of, ssh_target
from skytier.openstack.stack import CloudStack
from skytier.roles import ROLES
from skytier.services.nginx.service import DRAIN, DRAINED

_SERVES = f"[ -e {DRAINED} ] || echo yes"


def drain(stack: CloudStack, machine: str) -> str:
    """Take a web server out of the balancer, and wait until what it was asked is answered.

    Returns what is still open at the end; empty for nothing. Raises SkytierError where there is no
    balancer, and for the only web server that gets requests.
    """
    with _web_server(stack, machine) as (host, role):
        names = (f"{role}/{number}" for number in range(1, stack.stack.web.machines + 1))
        others = (name for name in names if not host.name.endswith(name.replace("/", "-")))
        if not any(_serves(stack, other) for other in others):
            raise SkytierError(
                f"{host.name} is the only web server that gets requests.",
                "Put another one back first: skytier undrain web/N",
            )
        return host.run(DRAIN).strip()


def undrain(stack: CloudStack, machine: str) -> None:
    """Put a web server back. Raises SkytierError where there is no balancer."""
    with _web_server(stack, machine) as (host, _):
        host.run(f"{DRAIN} --end")


@contextmanager
def _web_server(stack: CloudStack, machine: str) -> Iterator[tuple[SshHost, str]]:
    """The machine, with its role."""
    fronted = {ROLES[name].fronts for name in stack.stack.machines()} - {""}
    if not fronted:
        is_off = stack.stack.balancer.kind == "none"
        raise SkytierError(
            f"The stack {stack.stack.name} has no balancer.",
            'The stack file says so: balancer.kind = "none"'
            if is_off
            else "It gets one with a second web server: web.count = 2",
        )
    with ssh_target(stack, machine) as host:
        role = role_of(machine, host.name, stack.stack.name)
        if role not in fronted:
            raise SkytierError(
                f"{host.name} is no web server.", "Name one: web/1, web/2 and so on."
            )
        yield host, role


def _serves(stack: CloudStack, machine: str) -> bool:
    """Whether the balancer may send requests to a web server."""
    try:
        with ssh_target(stack, machine) as host:
            return bool(host.run(_SERVES).strip())
    except SkytierError:
        return False
