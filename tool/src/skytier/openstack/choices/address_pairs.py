"""Whether machines of a project may use an address besides their own: Neutron's address pairs."""

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack.choices.given_network import GivenNetwork
from skytier.stackfile import StackFile

EXTENSION = "allowed-address-pairs"
_ONE = "Or have one balancer: balancer.count = 1."


def check(conn: Connection, stack: StackFile, given: GivenNetwork | None) -> None:
    """Raises SkytierError where the network does not let two balancers share an address.

    `given` is the network that is there already for the machines. One call of the API.
    """
    if not stack.shares_address:
        return
    there = {each.alias for each in conn.network.extensions()}
    if EXTENSION not in there:
        raise SkytierError(
            "The stack file asks for two balancers that share an address (balancer.count = 2), and "
            "Neutron of this cloud has no address pairs, so it would drop what is sent to that "
            "address.",
            f"Ask the cloud's operator for Neutron's extension {EXTENSION}. {_ONE}",
        )
    if given and not given.own:
        raise SkytierError(
            f"The network {given.name} is of another project, and Neutron lets only the owner of a "
            "network set address pairs, which two balancers (balancer.count = 2) need.",
            "Take `network` out of the stack file, so that the stack has a network of its own, or "
            f"name one of this project. {_ONE}",
        )
