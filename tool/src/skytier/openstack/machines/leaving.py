"""A member of the database hands over before its server goes away; and what else comes before."""

from dataclasses import dataclass

from skytier.deploy.kind import Found, Kind, Known, Tell
from skytier.openstack.entry_point import BEHIND, virtual_address
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.draining import DrainedServers
from skytier.openstack.machines.handing_over import BalancerServers
from skytier.openstack.machines.redis_members import RedisServers, members
from skytier.openstack.machines.taken_away import ServersTakenAway
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
    if stack.cache.enabled:
        kind = RedisServers(
            *(kind, access, there, members(stack, there)), goes_on=stack.cache.replicated
        )
    shared = there.get(virtual_address(stack.name))
    if stack.shares_address and shared:
        kind = BalancerServers(kind, access, there, shared.facts["address"])
    if stack.has_balancer and not moves:
        kind = DrainedServers(kind, access, there, BEHIND)
    return kind


@dataclass(frozen=True)
class MemberServers(ServersTakenAway):
    """A member of a database hands its duty over, and stops, before its server goes away.

    One that cannot is not taken away. On one that is broken, others take over by themselves.
    """

    goes_on: bool
    """Whether there are several members afterwards, which then need its vote no more."""

    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """Hand over; and give up its vote where others go on for good."""
        both = f"{{ {_LEAVE}; }} && {{ {_GIVE_UP_VOTE}; }}"
        self._run(found, tell, both if for_good and self.goes_on else _LEAVE)

    def serve_again(self, found: Found, tell: Tell) -> None:
        """It comes back as a replica."""
        self._run(found, tell, _COME_BACK)

    def _run(self, found: Found, tell: Tell, script: str) -> None:
        role = ROLES.get(found.facts["role"])
        if role is None or not role.holds_data or found.fault:
            return
        tell("handing over")
        self.access.enter(found.key.name, self.there).run(script)
