"""A balancer gives the address that it shares to the other one before its server goes away."""

from dataclasses import dataclass

from skytier.deploy.kind import Found, Tell
from skytier.errors import SkytierError
from skytier.openstack.entry_point import FRONT
from skytier.openstack.machines.taken_away import ServersTakenAway
from skytier.services.keepalived.service import hand_over

_COME_BACK = "systemctl start keepalived"


@dataclass(frozen=True)
class BalancerServers(ServersTakenAway):
    """The servers of a stack with two balancers, as a kind.

    One that cannot hand over, since it is broken, is taken away all the same: the other one takes
    the address over by itself.
    """

    address: str
    """The one that they share."""

    def prepare(self, found: Found, tell: Tell, *, for_good: bool) -> None:
        """Have the other one take the address."""
        if found.facts["role"] != FRONT or found.fault:
            return
        tell("handing the address over")
        try:
            self.access.enter(found.key.name, self.there).run(hand_over(self.address))
        except SkytierError as error:
            tell(f"it could not hand the address over: {error.what}")

    def serve_again(self, found: Found, tell: Tell) -> None:
        """It stands by."""
        if found.facts["role"] == FRONT:
            self.access.enter(found.key.name, self.there).run(_COME_BACK)
