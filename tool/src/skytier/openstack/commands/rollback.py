"""Goes back to an earlier release that lies on the web servers, and stays there."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from skytier import release
from skytier.deploy.apply import Events, Progress, apply
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step, one_of_each
from skytier.deploy.update import RELEASE
from skytier.hosts.ssh import Ssh
from skytier.openstack.commands.static import static_files_of
from skytier.openstack.machines import balancer
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.releases import PINNED, Deliveries, Releases, go_back, web_servers
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.errors import API_ERRORS
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.release import history
from skytier.release.history import Entry, Rollback


def releases(stack: CloudStack) -> history.Releases:
    """What was released, as the web servers tell it, and what of it is kept on any of them."""
    known = Known(one_of_each(stack.find())[0])
    with Ssh() as shell:
        return merged(asked(Access(stack.connection, stack.operator, shell), known))


def rollback(stack: CloudStack, progress: Progress, name: str | None = None) -> Rollback:
    """Switch back to the healthy release before, or to one of a number or an id.

    One web server after another, and each has to be healthy before the next. Nothing is built, and
    no migration is run. Raises SkytierError.
    """
    lost = threading.Event()
    with stack.held("rollback", lost), Ssh() as shell:
        known = Known(one_of_each(stack.find())[0])
        access = Access(stack.connection, stack.operator, shell, publish=True)
        done = switch_back(known, access, Server(stack.project), progress, name, lost)
        # It serves already: an object store that is away is no reason to call it failed.
        with suppress(*API_ERRORS):
            static_files_of(stack).used(done.to.author.source or done.to.id)
        return done


def switch_back(
    known: Known,
    access: Access,
    servers: Server,
    events: Events,
    name: str | None = None,
    stop: threading.Event | None = None,
) -> Rollback:
    """The same for the machines that are known."""
    told_by = asked(access, known)
    found = merged(told_by)
    target, now = found.target(name), found.history.now()
    unknown = unknown_migrations(access, known, told_by, now.id, target.id) if now else None
    kind = Rollbacks(servers, access, target)
    apply(
        planned(list(told_by), known, target), {RELEASE: kind}, events, known, stop, RepeatedCalls()
    )
    return Rollback(target, unknown or [])


def unknown_migrations(
    access: Access, known: Known, told: Mapping[str, history.Releases], now: str, then: str
) -> Sequence[str] | None:
    """The migrations of one release that another one does not have: paths in the source.

    None where no machine has both: it may be newer than one of the two.
    """
    for name, each in told.items():
        if {now, then} <= each.there:
            host = access.open(name, known, lambda text: None)
            return release.unknown_migrations(host, now, then)
    return None


def merged(told: Mapping[str, history.Releases]) -> history.Releases:
    """What machines tell, as one: a newer machine has seen less than the others."""
    longest = max(told.values(), key=lambda each: len(each.history.entries))
    return history.Releases(
        longest.history, frozenset(each for one in told.values() for each in one.there)
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


def asked(access: Access, known: Known) -> dict[str, history.Releases]:
    """What each web server tells of its releases."""
    return {
        name: release.releases(access.open(name, known, lambda text: None))
        for name in web_servers(known)
    }
