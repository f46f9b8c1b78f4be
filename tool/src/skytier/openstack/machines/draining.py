"""A web server is drained before it goes away: the balancer sends it nothing new."""

from dataclasses import dataclass

from skytier.deploy.kind import Found, Tell
from skytier.errors import SkytierError
from skytier.openstack.machines import balancer
from skytier.openstack.machines.taken_away import ServersTakenAway
from skytier.services.nginx.service import DRAIN, DRAINED_UNTIL_BOOT

_SCRIPT = f"[ ! -x {DRAIN} ] || {DRAIN} --until-boot"
_NOT_DRAINED = f"rm -f {DRAINED_UNTIL_BOOT}"
"""The operator's own drain is another file, which stays."""


@dataclass(frozen=True)
class DrainedServers(ServersTakenAway):
    """The servers of a stack with a balancer, as a kind.

    The last one that gets requests stays. One that cannot be drained, since it is broken, is taken
    away all the same.
    """

    role: str
    """The role behind the balancer."""

    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """Drain it, once another one gets requests, too."""
        if found.facts["role"] != self.role:
            return
        balancer.before(found.key.name, self.access, self.there, tell)
        if found.fault:
            return
        tell("draining")
        try:
            said = self.access.enter(found.key.name, self.there).run(_SCRIPT).strip()
        except SkytierError as error:
            said = f"it could not be drained: {error.what}"
        if said:
            tell(said)

    def serve_again(self, found: Found, tell: Tell) -> None:
        """The balancer sends it requests."""
        if found.facts["role"] == self.role:
            self.access.enter(found.key.name, self.there).run(_NOT_DRAINED)
