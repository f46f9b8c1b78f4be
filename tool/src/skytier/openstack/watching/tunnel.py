"""The way to a stack's monitor, which only its own machine can reach."""

from collections.abc import Iterator
from contextlib import contextmanager

from skytier.errors import SkytierError
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.stack import CloudStack
from skytier.services.prometheus.service import LISTEN


@contextmanager
def tunnel(stack: CloudStack) -> Iterator[str]:
    """The URL of a stack's Prometheus at this machine's own loopback, while the context is open.

    Raises SkytierError where there is none, or no way to its machine. Whether it answers is for
    the caller to see.
    """
    if not stack.stack.monitor.enabled:
        raise SkytierError(
            f"The stack {stack.stack.name} is not monitored.",
            "Set monitor.enabled = true in the stack file, and run skytier up.",
        )
    port = int(LISTEN.rpartition(":")[2])
    with ssh_target(stack, "monitor") as host, host.ssh.tunnel(host.name, port) as local:
        yield f"http://127.0.0.1:{local}"
