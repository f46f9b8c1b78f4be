"""A network that is there already, for the public ports of a stack. It is never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack.choices import port_security
from skytier.openstack.choices.given_network import check_shared, sole
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.resources.project import STACK
from skytier.stackfile import StackFile

_ANOTHER = "Name another network in the stack file: public_network."


@dataclass(frozen=True)
class PublicNetwork:
    """A network, and the addresses of its IPv4 subnets, of which Neutron chooses one."""

    id: str
    name: str
    cidrs: Sequence[str]


def find(conn: Connection, stack: StackFile) -> PublicNetwork | None:
    """The network that the stack file names; None where it names none.

    Two lists of the API. Raises SkytierError for one that there is not, that several may be meant
    by, that takes no ports of this project, has no port security, or whose addresses come by no
    DHCP.
    """
    if stack.public_network is None:
        return None
    named = [n for n in conn.network.networks() if stack.public_network in (n.name, n.id)]
    network = sole("public_network", named, stack, "network")
    check_takes_ports(network, str(conn.current_project_id))
    port_security.check(conn, "public_network", network)
    subnets = list(conn.network.subnets(network_id=network.id, ip_version=4))
    return usable(network, subnets, stack)


def check_takes_ports(network: Any, project_id: str) -> None:
    """Raises SkytierError where a project can have no port on a network."""
    check_shared("public_network", network, project_id)
    if str(network.description or "").startswith(f"{STACK}="):
        owner = network.description.removeprefix(f"{STACK}=")
        raise SkytierError(
            f"The network {network.name} was made for the stack {owner}, and goes with it.",
            _ANOTHER,
        )


def usable(network: Any, subnets: Sequence[Any], stack: StackFile) -> PublicNetwork:
    """The network with its subnets. Raises SkytierError as `find` does, and for addresses that the
    private network of the stack has, too."""
    if not subnets:
        raise SkytierError(f"The network {network.name} has no IPv4 subnet.", _ANOTHER)
    if without := [each.name for each in subnets if not each.is_dhcp_enabled]:
        raise SkytierError(
            f"The network {network.name} has a subnet without DHCP ({', '.join(without)}), so a "
            "machine there may get no address.",
            _ANOTHER,
        )
    private = IPv4Network(stack.cidr)
    for each in subnets:
        if private.overlaps(IPv4Network(each.cidr)):
            raise SkytierError(
                f"The network {network.name} has the addresses {each.cidr}, and the private "
                f"network of the stack ({private}) overlaps with them.",
                "Give the private network others in the stack file: cidr.",
            )
    return PublicNetwork(network.id, network.name, [each.cidr for each in subnets])


def check_way_out(stack: StackFile, router: GivenRouter | None, external: Sequence[Any]) -> None:
    """Raises SkytierError where machines that are not public would have to get packages, and
    nothing leads them out. `external` are the networks that a router can have its gateway on."""
    if not stack.has_public_ports:
        return
    if router and not router.external_network:
        raise SkytierError(
            f"The router {router.name} has no gateway to an external network, so the machines "
            "without a public port have no way out to get packages.",
            "Name a router with a gateway in the stack file, or take router out so that the stack "
            "gets its own.",
        )
    if stack.makes_router and not external:
        raise SkytierError(
            "The machines without a public port need a way out to get packages, and the cloud has "
            "no external network that this project sees, for the gateway of a router.",
            "Ask the cloud's operator for a network with router:external. Or name images that have "
            'all packages already (image, database.image), with router = "none". Or have all '
            'machines on the public network: network, with public = "fixed".',
        )
