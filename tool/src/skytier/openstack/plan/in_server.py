"""What lives in a server and is noted in its metadata, planned like any other resource."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.server import Server


@dataclass(frozen=True)
class InServer:
    """A kind with one attribute, whose value stands in the server's metadata.

    So a plan needs no way into the machine. A subclass says how it is settled.
    """

    name: ClassVar[str]
    attribute: ClassVar[str]
    metadata: ClassVar[str]
    """The key in the server's metadata."""
    fixed: ClassVar[frozenset[str]] = frozenset()

    servers: Server
    resolved: ResolvedStack
    access: Access

    @classmethod
    def among(cls, servers: Iterable[Found]) -> Iterable[Found]:
        """Those of servers that ever got it."""
        for server in servers:
            if value := server.facts["metadata"].get(cls.metadata):
                yield Found(Key(cls.name, server.key.name), server.id, {cls.attribute: value})

    def find(self) -> Iterable[Found]:
        """Those of the stack's servers."""
        return self.among(self.servers.find())

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nothing is there to be made but the server."""
        server = known[Key(Server.name, wanted.key.name)]
        return Found(wanted.key, server.id, {})

    def delete(self, found: Found, tell: Tell) -> None:
        """It goes with its server."""

    def noted(self, found: Found, value: str) -> Found:
        """The same with a value, once it is written down in the server's metadata."""
        self.servers.note(found.id, {self.metadata: value})
        return Found(found.key, found.id, {self.attribute: value})
