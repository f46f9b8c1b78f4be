"""The kinds of resource of a cluster: servers are containers, and all else is noted down."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.entry_point import FRONT
from skytier.openstack.plan.kinds import RULES
from tests.cluster.container import Container

Facts = Callable[[Wanted], Mapping[str, Any]]


@dataclass
class Recorded:
    """A kind of which nothing is needed but that it is there: it is as it is wanted at once."""

    name: str
    facts: Facts = lambda wanted: {}
    there: dict[Key, Found] = field(default_factory=dict)

    @property
    def fixed(self) -> frozenset[str]:
        return RULES[self.name].fixed

    def find(self) -> Iterable[Found]:
        return list(self.there.values())

    def create(self, wanted: Wanted, known: Known) -> Found:
        return Found(wanted.key, wanted.key.name, {}, self.facts(wanted))

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        # A security group may let itself in.
        known = Known({**known, found.key: found})
        found = replace(found, attributes=known.attributes(wanted))
        self.there[found.key] = found
        return found

    def delete(self, found: Found, tell: Tell) -> None:
        del self.there[found.key]


@dataclass
class FloatingIPs(Recorded):
    """Addresses. The entry point's stays the same when it leads to another machine."""

    entry: Callable[[], Key] = lambda: Key("floating IP", "")
    lead: Callable[[str, str], None] = lambda before, to: None
    """Has the entry point's lead from one port to another."""

    def find(self) -> Iterable[Found]:
        # Of several, that of the entry point is the one of a first machine, or of an address that
        # two share, or of a load balancer.
        ends = ("-1", f"-{FRONT}", "-load-balancer")
        firsts = [each for each in self.there.values() if each.key.name.endswith(ends)]
        others = [each for each in self.there.values() if each not in firsts]
        return [*(replace(each, key=self.entry()) for each in firsts), *others]

    def create(self, wanted: Wanted, known: Known) -> Found:
        """It leads nowhere yet."""
        return replace(super().create(wanted, known), attributes={"port": None})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        before = found.attributes["port"]
        self.there = {key: each for key, each in self.there.items() if each.id != found.id}
        now = super().reconcile(wanted, found, known, tell)
        if wanted.key == self.entry():
            self.lead(before, now.attributes["port"])
        return now


class Servers(Recorded):
    """Containers. `make` creates one by its name, its user-data and the name of its image."""

    def __init__(self, make: Callable[[str, str, str], Container]) -> None:
        super().__init__("server")
        self._make = make
        self.containers: dict[str, Container] = {}
        # A container ends with the thread that began it.
        self._starter = ThreadPoolExecutor(1)
        self._lock = threading.Lock()

    def create(self, wanted: Wanted, known: Known) -> Found:
        name = wanted.key.name
        image = wanted.attributes["image"]
        self.containers[name] = self._make(name, wanted.creation["user_data"], image)
        self.start(name)
        given = {each: wanted.creation[each] for each in ("role", "number")}
        facts = {**given, "metadata": {}, "launched_at": "now", "volumes": []}
        return Found(wanted.key, name, {}, facts)

    def start(self, name: str) -> None:
        """Boot a machine, from whatever thread."""
        self._starter.submit(self.containers[name].start).result()

    def delete(self, found: Found, tell: Tell) -> None:
        super().delete(found, tell)
        self.containers.pop(found.id).delete()

    def lose(self, name: str) -> None:
        """A machine and its disk are gone; nobody said so."""
        del self.there[Key(self.name, name)]
        self.containers.pop(name).delete()

    def note(self, server_id: str, metadata: Mapping[str, str]) -> None:
        """Write down something about a server, as Nova does in its metadata."""
        with self._lock:
            self.there[Key(self.name, server_id)].facts["metadata"].update(metadata)

    def end(self) -> None:
        """Delete all of them, also those that were not finished."""
        for machine in self.containers.values():
            # Nobody needs what a shutdown in good order would write.
            machine.kill()
            machine.delete()
        self._starter.shutdown()
