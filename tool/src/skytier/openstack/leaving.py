"""What happens on a machine before its server goes away, for a while or for good."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.access import Access
from skytier.openstack.draining import DrainedServers
from skytier.roles import ROLES
from skytier.services.etcd.service import LEAVE as GIVE_UP_VOTE
from skytier.services.patroni.service import UNIT
from skytier.services.postgresql.config import LEAVE
from skytier.stackfile import StackFile

_LEAVE = f"[ ! -x {LEAVE} ] || {LEAVE}"
_GIVE_UP_VOTE = f"[ ! -x {GIVE_UP_VOTE} ] || {GIVE_UP_VOTE}"
_COME_BACK = f"[ ! -x {LEAVE} ] || systemctl start {UNIT}"


def leaving(servers: Kind, stack: StackFile, access: Access, there: Known, *, moves: bool) -> Kind:
    """The servers of a stack, as a kind that takes leave first.

    `there` is all that is there before. While the floating IP `moves`, no web server is drained.
    """
    kind: Kind = MemberServers(servers, access, there, goes_on=stack.database.members > 1)
    fronted = [ROLES[name].fronts for name in stack.machines() if ROLES[name].fronts]
    if fronted and not moves:
        kind = DrainedServers(kind, access, there, fronted[0])
    return kind


@dataclass(frozen=True)
class MemberServers:
    """A member of a database hands its duty over, and stops, before its server goes away.

    One that cannot is not taken away. On one that is broken, others take over by themselves.
    """

    name: ClassVar[str] = "server"

    servers: Kind
    access: Access
    there: Known
    goes_on: bool
    """Whether there are several members afterwards, which then need its vote no more."""

    @property
    def fixed(self) -> frozenset[str]:
        """Those of servers."""
        return self.servers.fixed

    def find(self) -> Iterable[Found]:
        """All servers."""
        return self.servers.find()

    def create(self, wanted: Wanted, known: Known) -> Found:
        """A new one has no duty yet."""
        return self.servers.create(wanted, known)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Hand over before a resize. One that is not resized after all comes back."""
        before = found.attributes.get("flavor")
        if before is None or before == wanted.attributes["flavor"]:
            return self.servers.reconcile(wanted, found, known, tell)
        self._leave(found, tell, _LEAVE)
        try:
            return self.servers.reconcile(wanted, found, known, tell)
        except BaseException:
            with suppress(SkytierError):
                self._leave(found, tell, _COME_BACK)
            raise

    def delete(self, found: Found, tell: Tell) -> None:
        """Hand over first."""
        both = f"{{ {_LEAVE}; }} && {{ {_GIVE_UP_VOTE}; }}"
        self._leave(found, tell, both if self.goes_on else _LEAVE)
        self.servers.delete(found, tell)

    def _leave(self, found: Found, tell: Tell, script: str) -> None:
        role = ROLES.get(found.facts["role"])
        if role is None or not role.holds_data or found.fault:
            return
        tell("handing over")
        self.access.enter(found.key.name, self.there).run(script)
