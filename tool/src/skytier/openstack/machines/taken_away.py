"""Servers on which something happens before they go away, for a while or for good."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.machines.access import Access


@dataclass(frozen=True)
class ServersTakenAway(ABC):
    """The servers of a stack, as a kind: a resize and a deletion are prepared on the machine."""

    name: ClassVar[str] = "server"

    servers: Kind
    access: Access
    there: Known
    """All that is there before."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those of servers."""
        return self.servers.fixed

    def find(self) -> Iterable[Found]:
        """All servers."""
        return self.servers.find()

    def create(self, wanted: Wanted, known: Known) -> Found:
        """A new one has nothing to prepare."""
        return self.servers.create(wanted, known)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Prepare it before a resize. One that is not resized after all serves again."""
        before = found.attributes.get("flavor")
        if before is None or before == wanted.attributes["flavor"]:
            return self.servers.reconcile(wanted, found, known, tell)
        with self._prepared(found, tell, for_good=False):
            return self.servers.reconcile(wanted, found, known, tell)

    def delete(self, found: Found, tell: Tell) -> None:
        """Prepare it first. One that is not deleted after all serves again."""
        with self._prepared(found, tell, for_good=True):
            self.servers.delete(found, tell)

    @contextmanager
    def _prepared(self, found: Found, tell: Tell, *, for_good: bool) -> Iterator[None]:
        """Also a preparation that fails or is interrupted may have done its work."""
        try:
            self.prepare(found, tell, for_good=for_good)
            yield
        except BaseException:
            # On one that is broken nothing was prepared.
            if not found.fault:
                with suppress(SkytierError):
                    self.serve_again(found, tell)
            raise

    @abstractmethod
    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """What comes before it goes. Raises SkytierError where it must not go."""

    @abstractmethod
    def serve_again(self, found: Found, tell: Tell) -> None:
        """What comes when it stays after all. A SkytierError is ignored: it may be gone by now."""
