"""A network that is there already, for the ports of a stack's machines. It is never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack.choices import auto_topology, port_security
from skytier.stackfile import StackFile

_NO_IPV4 = (
    "Machines with IPv6 alone are not there: images get their settings from a metadata service "
    "that has an IPv4 address."
)


@dataclass(frozen=True)
class Subnet:
    """A subnet of Neutron; of IPv4, unless something else is said."""

    id: str
    name: str
    cidr: str
    dhcp: bool = True


@dataclass(frozen=True)
class GivenNetwork:
    """A network, and the subnet of it that the machines have addresses of."""

    id: str
    """Empty for an auto-allocated one that Neutron is still to make."""
    name: str
    subnet: Subnet
    subnets: int = 1
    """How many IPv4 subnets the network has."""
    ipv6: Subnet | None = None
    """The one whose IPv6 addresses the machines get, where the stack file asks for them."""
    own: bool = True
    """Whether it is the project's own."""


def find(conn: Connection, stack: StackFile) -> GivenNetwork | None:
    """The network that the stack file names; None where it names none.

    Two lists of the API, three with IPv6. Raises SkytierError for one that there is not, that
    several may be meant by, that takes no ports of this project, has no port security, or whose
    addresses come by no DHCP; and for one without the IPv6 that is asked for.
    """
    if stack.network is None:
        return None
    there = list(conn.network.networks())
    if stack.network == auto_topology.AUTO:
        meant = auto_topology.networks(str(conn.current_project_id), there)
        if not meant:
            auto_topology.check(conn)
            # Its addresses are known once it is made.
            return GivenNetwork("", auto_topology.NETWORK, Subnet("", "", stack.cidr))
    else:
        meant = [n for n in there if stack.network in (n.name, n.id)]
    network = sole("network", meant, stack)
    check_shared("network", network, str(conn.current_project_id))
    port_security.check(conn, "network", network)
    subnets = [
        Subnet(s.id, s.name, s.cidr, bool(s.is_dhcp_enabled))
        for s in conn.network.subnets(network_id=network.id, ip_version=4)
    ]
    chosen = choose(subnets, stack)
    ipv6 = None
    if stack.ipv6:
        of_ipv6 = list(conn.network.subnets(network_id=network.id, ip_version=6))
        ipv6 = choose_ipv6(of_ipv6, network.name)
    return GivenNetwork(
        *(network.id, network.name, chosen, len(subnets), ipv6),
        own=network.project_id == str(conn.current_project_id),
    )


def make(conn: Connection, stack: StackFile) -> None:
    """Have Neutron make the network that it allocates by itself, where the stack file names that
    and it is not there."""
    if stack.network != auto_topology.AUTO:
        return
    found = find(conn, stack)
    if found and not found.id:
        auto_topology.make(conn)


def choose(subnets: Sequence[Subnet], stack: StackFile) -> Subnet:
    """The subnet that is named, or the only one. Raises SkytierError as `find` does."""
    if stack.subnet is None and len(subnets) != 1:
        names = ", ".join(f"{each.name} ({each.cidr})" for each in subnets)
        raise SkytierError(
            f"The network {stack.network} has "
            + (f"several IPv4 subnets: {names}." if subnets else f"no IPv4 subnet. {_NO_IPV4}"),
            'Name one in the stack file: subnet = "..."'
            if subnets
            else "Name another network in the stack file: network.",
        )
    named = [s for s in subnets if stack.subnet in (None, s.name, s.id)]
    subnet: Subnet = sole("subnet", named, stack)
    if not subnet.dhcp:
        raise SkytierError(
            f"The subnet {subnet.name} of the network {stack.network} has no DHCP, so a machine "
            "there gets no address.",
            "Name another in the stack file: network, subnet.",
        )
    return subnet


def choose_ipv6(subnets: Sequence[Any], network: str) -> Subnet:
    """The IPv6 subnet that every port of a network gets an address of. Raises SkytierError.

    That is one whose machines make their addresses by themselves: Neutron adds it to each port.
    """
    by_themselves = [s for s in subnets if s.ipv6_address_mode in ("slaac", "dhcpv6-stateless")]
    if not by_themselves:
        has = ", ".join(s.cidr for s in subnets) or "none"
        raise SkytierError(
            f"The stack file asks for IPv6, and the network {network} has no IPv6 subnet in which "
            f"machines make their addresses by themselves (SLAAC). Its IPv6 subnets: {has}.",
            "Ask the network's operator for a subnet with the address mode slaac, or take ipv6 out "
            "of the stack file.",
        )
    first = by_themselves[0]
    return Subnet(first.id, first.name, first.cidr)


def check_shared(key: str, network: Any, project_id: str) -> None:
    """Raises SkytierError where a project can have no port on a network that a key of the stack
    file names."""
    if not (network.is_shared or network.project_id == project_id):
        raise SkytierError(
            f"The network {network.name} is not shared with this project, so the project can have "
            "no port on it.",
            f"Ask the cloud's operator to share it, or name another in the stack file: {key}.",
        )


def sole(key: str, found: Sequence[Any], stack: StackFile, kind: str = "") -> Any:
    """The only one that a key of the stack file can mean; `kind` is Neutron's word, if that is
    another. Raises SkytierError."""
    wanted, kind = getattr(stack, key), kind or key
    if not found:
        raise SkytierError(
            f"This project sees no {kind} {wanted!r}.",
            f"See what there is: openstack {kind} list. Name one in the stack file: {key}.",
        )
    if len(found) > 1:
        raise SkytierError(
            f"Several {kind}s are called {wanted!r}: {', '.join(each.id for each in found)}.",
            f"Name one by its id in the stack file: {key}.",
        )
    return found[0]
