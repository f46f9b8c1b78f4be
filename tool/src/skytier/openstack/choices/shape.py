"""Which shape a cloud has for a project: what its network and its disks may be made of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import ForbiddenException, NotFoundException

from skytier.openstack.catalog import has_volumes
from skytier.openstack.choices import choices, limits, port_security
from skytier.openstack.choices.choices import ExternalNetwork
from skytier.openstack.choices.given_network import GivenNetwork, Subnet
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.quota import Limit
from skytier.openstack.resources.project import STACK
from skytier.openstack.resources.router import INTERFACES


@dataclass(frozen=True)
class Shape:
    """What there is before any stack."""

    external: Sequence[ExternalNetwork] = ()
    networks: Sequence[GivenNetwork] = ()
    """Those that machines of the project can be on: with port security, and with one IPv4 subnet,
    which has DHCP."""
    own: frozenset[str] = frozenset()
    """The ids of those networks that are the project's own."""
    routed: frozenset[str] = frozenset()
    """The ids of networks that a router is in, as far as the project sees that: of its own ones."""
    routers: Sequence[GivenRouter] = ()
    """Those of the project that lead to an external network."""
    volumes: bool = True
    """Whether there is Cinder."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """By field of `quota.Amounts`, as far as the cloud tells them."""
    zones: Sequence[str] = ()
    """The availability zones of Nova that can be used."""
    volume_zones: Sequence[str] = ()
    """The same of Cinder."""

    def may_have(self, what: str) -> bool:
        """Whether the project may have any of what a quota counts: `routers`. A quota of 0 is how
        clouds without routers or floating IPs say so."""
        told = self.limits.get(what)
        return told is None or told.limit != 0

    @property
    def may_have_private_networks(self) -> bool:
        """Whether the project may make a network with a router that leads out."""
        return bool(self.external) and self.may_have("networks") and self.may_have("routers")

    @property
    def has_floating_ips(self) -> bool:
        """Whether there are floating IPs for the project."""
        return bool(self.external) and self.may_have("floating_ips")


def look(conn: Connection) -> Shape:
    """Ask the cloud: six lists, and the quotas; one more if port security may be off. What belongs
    to a stack is left out."""
    volumes = has_volumes(conn)
    if volumes:
        conn.block_storage  # noqa: B018  # made before several threads use it
    with ThreadPoolExecutor(7) as pool:
        networks = pool.submit(lambda: list(conn.network.networks()))
        subnets = pool.submit(lambda: list(conn.network.subnets(ip_version=4)))
        routers = pool.submit(
            _allowed, lambda: conn.network.routers(project_id=conn.current_project_id)
        )
        interfaces = pool.submit(routed, conn)
        there = pool.submit(zones, conn)
        of_volumes = pool.submit(volume_zones, conn) if volumes else None
        quotas = pool.submit(limits.read, conn)
    mine = [
        *(n for n in networks.result() if n.is_shared or n.project_id == conn.current_project_id)
    ]
    unguarded = {network.id for network in port_security.without(conn, mine)}
    guarded = [network for network in mine if network.id not in unguarded]
    return Shape(
        external=choices.external_among(networks.result()),
        networks=_usable(guarded, subnets.result()),
        own=frozenset(n.id for n in mine if n.project_id == conn.current_project_id),
        routed=interfaces.result(),
        routers=[
            GivenRouter(router.id, router.name, gateway["network_id"])
            for router in routers.result()
            if (gateway := router.external_gateway_info) and not _is_of_a_stack(router)
        ],
        volumes=volumes,
        limits=quotas.result(),
        zones=there.result(),
        volume_zones=of_volumes.result() if of_volumes else (),
    )


def zones(conn: Connection) -> list[str]:
    """The availability zones of Nova that can be used, sorted; empty where it does not tell."""
    return _available(lambda: conn.compute.availability_zones())


def volume_zones(conn: Connection) -> list[str]:
    """The same of Cinder."""
    cinder: Any = conn.block_storage
    return _available(lambda: cinder.availability_zones())


def _available(ask: Callable[[], Iterable[Any]]) -> list[str]:
    return sorted(zone.name for zone in _allowed(ask) if (zone.state or {}).get("available"))


def volume_types(conn: Connection) -> dict[str, str]:
    """The ids of the volume types that the project may use, to their names; empty where Cinder does
    not tell."""
    listed = _allowed(lambda: conn.block_storage.types())
    return {each.id: each.name for each in listed}


def _allowed(ask: Callable[[], Iterable[Any]]) -> list[Any]:
    """A list; an empty one where the cloud does not have it, or shows it to nobody like us."""
    try:
        return list(ask())
    except (ForbiddenException, NotFoundException):
        return []


def routed(conn: Connection) -> frozenset[str]:
    """The ids of the networks that a router is in, as far as the project sees their ports."""
    ports = _allowed(lambda: conn.network.ports(device_owner=list(INTERFACES)))
    return frozenset(port.network_id for port in ports)


def _usable(networks: Sequence[Any], subnets: Sequence[Any]) -> list[GivenNetwork]:
    found = []
    for network in networks:
        of_it = [each for each in subnets if each.network_id == network.id]
        if len(of_it) == 1 and of_it[0].is_dhcp_enabled and not _is_of_a_stack(network):
            subnet = Subnet(of_it[0].id, of_it[0].name, of_it[0].cidr)
            found.append(GivenNetwork(network.id, network.name, subnet))
    return found


def _is_of_a_stack(resource: Any) -> bool:
    return str(resource.description or "").startswith(f"{STACK}=")


def is_public(network: GivenNetwork) -> bool:
    """Whether everybody can reach the addresses of a network."""
    return IPv4Network(network.subnet.cidr).is_global
