"""Releases the application of a stack on a cloud, and does nothing else."""

import threading
from collections.abc import Callable

from skytier import release as releasing
from skytier.backend import Outcome
from skytier.deploy.apply import Events
from skytier.deploy.kind import Key
from skytier.deploy.plan import Action
from skytier.deploy.update import RELEASE
from skytier.hosts.ssh import Ssh
from skytier.openstack.entry_point import EntryPoint
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.releases import PINNED, steps_of_release, switches, web_servers
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.release import history


def release(
    stack: CloudStack, approved: Plan, events: Events, pause: Callable[[], None] | None = None
) -> Outcome:
    """Carry out the steps of a plan that release the application, and no others.

    `pause` is called after the first web server is switched; it raises what is to end the run. A
    release that a rollback led to does not stay any more. Raises SkytierError.
    """
    lost = threading.Event()
    with stack.held("release", lost), Ssh() as shell:
        current = stack.approved(stack.plan(anew=True), approved)
        whole, first, rest = steps_of_release(current.steps)
        with stack.hooks(current):
            for steps in (first, rest) if pause and rest else (whole,):
                stack.carry_out(current, shell, events, lost, steps)
                if pause and steps is first and any(s.action is not Action.KEEP for s in rest):
                    pause()
            _unpin(stack, current, shell)
            entry = EntryPoint(stack.stack, current.known)
            entry.wait()
    return Outcome(entry.url, changed=switches(whole) > 0)


def _unpin(stack: CloudStack, current: Plan, shell: Ssh) -> None:
    """Where a rollback had led to a release: the source's release is what is wanted again."""
    servers, access = Server(stack.project), Access(stack.connection, stack.operator, shell)
    switched = {step.key for step in current.steps if step.action is not Action.KEEP}
    for name in web_servers(current.known):
        found = current.known[Key(Server.name, name)]
        pinned = found.facts["metadata"].get(PINNED)
        if not pinned:
            continue
        if Key(RELEASE, name) not in switched:  # it has it, and is not switched
            host = access.open(name, current.known, lambda text: None)
            releasing.note(host, history.released(pinned, current.resolved.author))
        servers.note(found.id, {PINNED: ""})
