"""A router that is there already, for the private network of a stack. Nothing of it is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.openstack.choices.given_network import sole
from skytier.openstack.resources.project import STACK, Project
from skytier.openstack.resources.router import ipv6_of
from skytier.stackfile import StackFile
from skytier.stackfile.model import NO_ROUTER


@dataclass(frozen=True)
class GivenRouter:
    """A router, what it leads to, and the subnets of others that it leads from."""

    id: str
    name: str
    external_network: str = ""
    """The id of the network that its gateway is on; empty without a gateway."""
    subnets: Mapping[str, str] = field(default_factory=dict)
    """The name of each, or its id, to its addresses, as far as the project sees them."""
    has_ipv6: bool = False
    """Whether that network gave it an IPv6 address."""


def find(conn: Connection, stack: StackFile) -> GivenRouter | None:
    """The router that the stack file names; None where it names none.

    Three lists of the API. Raises SkytierError for one that is not the project's, or that is
    another stack's, and for a private network that overlaps with what the router has.
    """
    if stack.router in (None, NO_ROUTER):
        return None
    mine, mark = conn.current_project_id, Project(conn, stack.name).mark
    routers = conn.network.routers(project_id=mine)
    router = sole("router", [r for r in routers if stack.router in (r.name, r.id)], stack)
    if str(router.description or "").startswith(f"{STACK}="):
        owner = router.description.removeprefix(f"{STACK}=")
        raise SkytierError(
            f"The router {router.name} was made for the stack {owner}, and goes with it.",
            "Name another in the stack file, or take router out.",
        )
    ports = conn.network.ports(device_id=router.id)
    ids = {fixed["subnet_id"] for port in ports for fixed in port.fixed_ips or []}
    there = [s for s in conn.network.subnets(ip_version=4) if s.id in ids and s.description != mark]
    gateway = router.external_gateway_info or {}
    found = GivenRouter(
        router.id,
        router.name,
        gateway.get("network_id") or "",
        {s.name or s.id: s.cidr for s in there},
        ipv6_of(gateway) is not None,
    )
    refuse_overlap(found, stack)
    return found


def refuse_overlap(router: GivenRouter, stack: StackFile) -> None:
    """Raises SkytierError where the private network has addresses that the router has already."""
    private = IPv4Network(stack.cidr)
    there = [IPv4Network(cidr) for cidr in router.subnets.values()]
    for name, cidr in router.subnets.items():
        if private.overlaps(IPv4Network(cidr)):
            free = (IPv4Network(f"192.168.{number}.0/24") for number in range(128, 256))
            other = next((n for n in free if not any(map(n.overlaps, there))), None)
            raise SkytierError(
                f"The router {router.name} has the subnet {name} ({cidr}) already, and the private "
                f"network of the stack ({private}) overlaps with it.",
                "Give it other addresses in the stack file: cidr"
                + (f' = "{other}"' if other else ""),
            )
