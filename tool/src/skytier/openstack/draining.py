"""A web server is drained before it goes away: the balancer sends it nothing new."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.access import Access
from skytier.services.nginx.service import DRAIN, DRAINED_UNTIL_BOOT

_SCRIPT = f"[ ! -x {DRAIN} ] || {DRAIN} --until-boot"
_NOT_DRAINED = f"rm -f {DRAINED_UNTIL_BOOT}"
"""The operator's own drain is another file, which stays."""


@dataclass(frozen=True)
class DrainedServers:
    """The servers of a stack with a balancer, as a kind.

    One that cannot be drained, since it is broken, is taken away all the same.
    """

    name: ClassVar[str] = "server"

    servers: Kind
    access: Access
    there: Known
    """All that is there before."""
    role: str
    """The role behind the balancer."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those of servers."""
        return self.servers.fixed

    def find(self) -> Iterable[Found]:
        """All servers."""
        return self.servers.find()

    def create(self, wanted: Wanted, known: Known) -> Found:
        """A new one serves nobody yet."""
        return self.servers.create(wanted, known)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Drain it before a resize. One that is not resized after all serves again."""
        before = found.attributes.get("flavor")
        if before is None or before == wanted.attributes["flavor"]:
            return self.servers.reconcile(wanted, found, known, tell)
        self._drain(found, tell)
        try:
            return self.servers.reconcile(wanted, found, known, tell)
        except BaseException:
            with suppress(SkytierError):
                self.access.enter(found.key.name, self.there).run(_NOT_DRAINED)
            raise

    def delete(self, found: Found, tell: Tell) -> None:
        """Drain it first."""
        self._drain(found, tell)
        self.servers.delete(found, tell)

    def _drain(self, found: Found, tell: Tell) -> None:
        if found.facts["role"] != self.role or found.fault:
            return
        tell("draining")
        try:
            said = self.access.enter(found.key.name, self.there).run(_SCRIPT).strip()
        except SkytierError as error:
            said = f"it could not be drained: {error.what}"
        if said:
            tell(said)
