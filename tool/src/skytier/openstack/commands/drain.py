"""Web servers that the operator takes out of the balancer, and puts back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from skytier.deploy.kind import Known, Tell
from skytier.deploy.plan import one_of_each
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.hosts.ssh import SshHost
from skytier.openstack.commands.ssh_target import role_of, ssh_target
from skytier.openstack.entry_point import BEHIND, FRONT
from skytier.openstack.machines import load_balancer_view
from skytier.openstack.machines.balancer import (
    Balancer,
    Enter,
    asked,
    set_up,
    wait_for_another,
    wait_until_back,
    wait_until_out,
)
from skytier.openstack.stack import CloudStack
from skytier.services.nginx.service import DRAIN


def drain(stack: CloudStack, machine: str, tell: Tell = lambda text: None) -> str:
    """Take a web server out of each balancer, and wait until what it was asked is answered.

    Returns what is still open at the end, or may still be sent there; empty for nothing. Raises
    SkytierError where there is no balancer, or none that can be asked, and for the only web server
    that gets requests.
    """
    with _together(stack, machine) as (host, balancers, enter):
        if not balancers:
            raise SkytierError(
                f"{host.name} was not drained: it is not known whether another web server gets "
                "requests, because the load balancer of the stack is not there, or not yet.",
                "See skytier status, and run skytier up. Then run this again.",
            )
        for balancer in balancers:
            if list(asked(balancer) or ()) == [host.name]:
                raise SkytierError(
                    f"{host.name} is the only web server.",
                    "A second one can take its requests: web.count = 2, and skytier up",
                )
            wait_for_another(balancer, host.name, tell, enter)
        said = [host.run(DRAIN).strip()]
        said += [wait_until_out(balancer, host.name, tell) for balancer in balancers]
        return "\n".join(each for each in said if each)


def undrain(stack: CloudStack, machine: str, tell: Tell = lambda text: None) -> None:
    """Put a web server back, and wait until it gets requests. Raises SkytierError where it gets
    none, and where there is no balancer."""
    with _together(stack, machine) as (host, balancers, _):
        host.run(f"{DRAIN} --end")
        for balancer in balancers:
            wait_until_back(balancer, host, tell, put_back=True)


@contextmanager
def _together(stack: CloudStack, machine: str) -> Iterator[tuple[SshHost, list[Balancer], Enter]]:
    """The machine, the balancers in front of it that run, and the way into others."""
    if not stack.stack.has_balancer:
        is_off = stack.stack.balancer.kind == "none"
        raise SkytierError(
            f"The stack {stack.stack.name} has no balancer.",
            'The stack file says so: balancer.kind = "none"'
            if is_off
            else "It gets one with a second web server: web.count = 2",
        )
    with ssh_target(stack, machine) as host:
        role = role_of(machine, host.name, stack.stack.name)
        if role != BEHIND:
            raise SkytierError(
                f"{host.name} is no web server.", "Name one: web/1, web/2 and so on."
            )
        known = Known(one_of_each(stack.find())[0])
        passing = load_balancer_view.of(stack.connection, known)
        names = set_up(known) or ([] if stack.stack.has_load_balancer else [FRONT])
        with ExitStack() as opened:

            @cache
            def enter(name: str) -> Host:
                return opened.enter_context(ssh_target(stack, name))

            yield host, [*passing, *(enter(name) for name in names)], enter
