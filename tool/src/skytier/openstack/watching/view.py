"""A stack on a cloud, to be looked at: by its monitor, or by its exporters over SSH."""

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from skytier.deploy.kind import Known
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh
from skytier.metrics.live import Live
from skytier.metrics.picture import Place
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Source
from skytier.metrics.target import JOB, MACHINE, ROLE, STACK, Target
from skytier.metrics.view import View
from skytier.openstack.machines.access import Access
from skytier.openstack.stack import CloudStack
from skytier.openstack.watching.tunnel import tunnel
from skytier.services.prometheus.charts import UP
from skytier.topology import Machine

READ_TIMEOUT_S, PATIENCE_S = 20, 5
# Nothing has to be installed for it. Answers by HTTP/1.0 end with the connection.
_READ = (
    "exec 3<>/dev/tcp/{address}/{port} && "
    r"printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && cat <&3"
)


@contextmanager
def view(stack: CloudStack) -> Iterator[View]:
    """The stack's machines and figures, for as long as the context is open.

    Raises SkytierError when the cloud has no machine of the stack.
    """
    machines, known = _machines(stack)
    with ExitStack() as opened:

        def choose() -> tuple[Source, str]:
            opened.close()
            try:
                return opened.enter_context(prometheus(stack)), ""
            except SkytierError as error:
                shell = opened.enter_context(Ssh())
                Access(stack.connection, stack.operator, shell).write(known)
                note = f"The exporters are asked over SSH, not the monitor: {error.what}"
                return Live(lambda: _targets(stack, machines, shell)), note

        places = [Place(machine.name, machine.role) for machine in machines]
        yield View(stack.stack.name, stack.cloud, places, choose)


@contextmanager
def prometheus(stack: CloudStack) -> Iterator[Prometheus]:
    """The stack's Prometheus, through a tunnel; it answers. Raises SkytierError."""
    with tunnel(stack) as url:
        found = Prometheus(url)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found.latest(UP)
            except SkytierError:
                # The first connection through a new tunnel may be dropped.
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                break
        yield found


def _machines(stack: CloudStack) -> tuple[list[Machine], Known]:
    """The stack's machines, and all that is known of it."""
    plan = stack.plan()
    topology, known = plan.resolved.topology(plan.known), plan.known
    there = {key.name for key in known if key.kind == "server"}
    machines = [machine for machine in topology.machines if machine.name in there]
    if not machines:
        raise SkytierError(
            f"There is no machine of the stack {stack.stack.name} on {stack.cloud}.",
            "Bring it up: skytier up",
        )
    return machines, known


def _targets(stack: CloudStack, machines: Sequence[Machine], shell: Ssh) -> list[Target]:
    return [
        _target(stack, machine, job, port, shell)
        for machine in machines
        for job, port in machine.metrics.items()
    ]


def _target(stack: CloudStack, machine: Machine, job: str, port: int, shell: Ssh) -> Target:
    labels = {JOB: job, STACK: stack.stack.name, MACHINE: machine.name, ROLE: machine.role}
    command = f"bash -c {shlex.quote(_READ.format(address=machine.address, port=port))}"

    def read() -> str:
        head, _, body = shell.run(machine.name, command, timeout_s=READ_TIMEOUT_S).partition(
            "\r\n\r\n"
        )
        if " 200" not in head.partition("\r\n")[0]:
            raise SkytierError(f"{job} on {machine.name} did not answer with its metrics.")
        return body

    return Target(labels, read)
