"""The way to a stack's monitor, which only its own machine can reach."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from skytier.errors import SkytierError
from skytier.openstack.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack
from skytier.roles.monitor.role import ALERTMANAGER, PROMETHEUS


@dataclass(frozen=True)
class Monitor:
    """A monitor that can be asked, at this machine's own loopback."""

    machine: str
    """The machine that it is on: `shop-web-1`."""
    prometheus_url: str
    """`http://127.0.0.1:40123`"""
    alertmanager_url: str


@contextmanager
def tunnel(stack: CloudStack) -> Iterator[Monitor]:
    """A stack's monitor, through SSH, for as long as the context is open.

    Raises SkytierError where there is none, or no way to its machine. Whether it answers is for
    the caller to see.
    """
    if not stack.stack.monitor.enabled:
        raise SkytierError(
            f"The stack {stack.stack.name} is not watched.",
            "Set monitor.enabled = true in the stack file, and run skytier up.",
        )
    ports = [int(address.rpartition(":")[2]) for address in (PROMETHEUS, ALERTMANAGER)]
    with (
        ssh_target(stack, "monitor") as (shell, machine),
        shell.tunnel(machine, ports) as local,
    ):
        prometheus, alertmanager = (f"http://127.0.0.1:{port}" for port in local)
        yield Monitor(machine, prometheus, alertmanager)
