"""A member of Redis hands over before its server goes away."""

from dataclasses import dataclass

from skytier.deploy.kind import Found, Tell
from skytier.openstack.machines.taken_away import ServersTakenAway
from skytier.services.redis.servers import SERVERS
from skytier.services.sentinel.service import LEAVE, UNIT

_ROLES = ("web", "balancer")
_COME_BACK = f"systemctl start {UNIT} {' '.join(each.unit for each in SERVERS)}"


@dataclass(frozen=True)
class RedisServers(ServersTakenAway):
    """The servers of a stack with a cache, as a kind.

    One that cannot is not taken away. On one that is broken, the others choose a primary by
    themselves.
    """

    goes_on: bool
    """Whether Redis has several members afterwards, which then keep what this one has."""

    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """Have another member take over, if Redis has several; and have the others forget it."""
        if not self._may_have_one(found) or found.fault:
            return
        how = ("--for-good" if self.goes_on else "--apart") if for_good else ""
        self.access.enter(found.key.name, self.there).run(_if_there(f"{LEAVE} {how}".rstrip()))

    def serve_again(self, found: Found, tell: Tell) -> None:
        """It follows the primary."""
        if not self._may_have_one(found):
            return
        self.access.enter(found.key.name, self.there).run(_if_there(_COME_BACK))

    @staticmethod
    def _may_have_one(found: Found) -> bool:
        return found.facts["role"] in _ROLES


def _if_there(script: str) -> str:
    """What is run on a machine that has a member."""
    return f"[ ! -x {LEAVE} ] || {{ {script}; }}"
