"""A floating IP moves: to a load balancer once that reaches a web server. The way in goes along."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.openstack.machines import load_balancer_view
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.balancer import wait_until_reached
from skytier.openstack.resources.floating_ip import FloatingIP


@dataclass(frozen=True)
class MovedAddresses:
    """The floating IPs of a stack, as a kind: a load balancer is asked before one moves there, and
    machines are entered by where they lead then.

    One that leads nowhere, and one whose former machine is broken, move at once.
    """

    name: ClassVar[str] = FloatingIP.name

    addresses: Kind
    access: Access

    @property
    def fixed(self) -> frozenset[str]:
        """Those of floating IPs."""
        return self.addresses.fixed

    def find(self) -> Iterable[Found]:
        """All floating IPs."""
        return self.addresses.find()

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nobody comes by a new one yet."""
        return self.addresses.create(wanted, known)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Raises SkytierError where the load balancer reaches no web server: it stays then."""
        port = known.attributes(wanted)["port"]
        # Without anything to wait for, visitors have no other way in.
        if wanted.after and found.attributes["port"] not in (None, port):
            for balancer in load_balancer_view.at(port, self.access.connection, known):
                wait_until_reached(balancer, tell)
        address = self.addresses.reconcile(wanted, found, known, tell)
        self.access.led(address, known, moved=found.attributes["port"] != port)
        return address

    def delete(self, found: Found, tell: Tell) -> None:
        """As any floating IP."""
        self.addresses.delete(found, tell)
