"""Goes back to an earlier release that lies on the web servers, and stays there."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from skytier import release
from skytier.deploy.apply import Events, Progress, apply
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step, one_of_each
from skytier.deploy.update import RELEASE
from skytier.hosts.ssh import Ssh
from skytier.openstack import balancer
from skytier.openstack.access import Access
from skytier.openstack.releases import PINNED, Deliveries, Releases, go_back, web_servers
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.release import history
from skytier.release.history import Entry, Rollback


def releases(stack: CloudStack) -> history.Releases:
    """What was released, as the web servers tell it, and what of it is kept on any of them."""
    known = Known(one_of_each(stack.find())[0])
    with Ssh() as shell:
        return merged(_asked(Access(stack.connection, stack.operator, shell), known))


def rollback(stack: CloudStack, progress: Progress, name: str | None = None) -> Rollback:
    """Switch back to the healthy release before, or to one of a number or an id.

    One web server after another, and each has to be healthy before the next. Nothing is built, and
    no migration is run. Raises SkytierError.
    """
    lost = threading.Event()
    with stack.held("rollback", lost), Ssh() as shell:
        known = Known(one_of_each(stack.find())[0])
        access = Access(stack.connection, stack.operator, shell, publish=True)
        return switch_back(known, access, Server(stack.project), progress, name, lost)


def switch_back(
    known: Known,
    access: Access,
    servers: Server,
    events: Events,
    name: str | None = None,
    stop: threading.Event | None = None,
) -> Rollback:
    """The same for the machines that are known."""
    asked = _asked(access, known)
    found = merged(asked)
    target, now = found.target(name), found.history.now()
    # A machine may be newer than one of the two.
    both = next(
        (each for each, told in asked.items() if {target.id, *_id(now)} <= told.there), None
    )
    unknown = []
    if both and now:
        host = access.open(both, known, lambda text: None)
        unknown = release.unknown_migrations(host, now.id, target.id)
    kind = Rollbacks(servers, access, target)
    apply(
        planned(list(asked), known, target), {RELEASE: kind}, events, known, stop, RepeatedCalls()
    )
    return Rollback(target, unknown)


def _id(entry: Entry | None) -> set[str]:
    return {entry.id} if entry else set()


def merged(asked: Mapping[str, history.Releases]) -> history.Releases:
    """What machines tell, as one: a newer machine has seen less than the others."""
    longest = max(asked.values(), key=lambda each: len(each.history.entries))
    return history.Releases(
        longest.history, frozenset(each for told in asked.values() for each in told.there)
    )


def planned(names: Sequence[str], known: Known, to: Entry) -> Sequence[Step]:
    """A step for each machine, one after another."""
    steps: list[Step] = []
    for name in names:
        key = Key(RELEASE, name)
        server = known[Key(Server.name, name)]
        there = known.get(key) or Found(key, server.id, {})
        wanted = Wanted(key, {"release": to.author.source or to.id})
        needs = tuple(step.key for step in steps[-1:])
        steps.append(Step(Action.CHANGE, key, "a rollback", needs, wanted, there))
    return steps


@dataclass(frozen=True)
class Rollbacks:
    """The releases of the machines, where an earlier one is wanted."""

    name: ClassVar[str] = RELEASE
    fixed: ClassVar[frozenset[str]] = frozenset()

    servers: Server
    access: Access
    to: Entry

    def find(self) -> Sequence[Found]:
        """They are known already."""
        return ()

    def create(self, wanted: Wanted, known: Known) -> Found:
        """They are only changed."""
        return Found(wanted.key, "", {})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Switch the machine, and wait until it is healthy."""
        host = go_back(self.to.id, wanted.key.name, self.access, known, tell)
        balancer.after(host, self.access, known, tell)
        wanted_release = wanted.attributes["release"]
        notes = {
            Releases.metadata: wanted_release,
            Deliveries.metadata: wanted_release,
            PINNED: self.to.id,
        }
        self.servers.note(found.id, notes)
        return Found(found.key, found.id, wanted.attributes)

    def delete(self, found: Found, tell: Tell) -> None:
        """They go with their server."""


def _asked(access: Access, known: Known) -> dict[str, history.Releases]:
    return {
        name: release.releases(access.open(name, known, lambda text: None))
        for name in web_servers(known)
    }
