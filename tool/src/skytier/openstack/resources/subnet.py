"""Subnets."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv6Network
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.conflict import named
from skytier.openstack.resources.project import Project, own_tags


class Subnet:
    """`attributes`: network (a Key), cidr, dns (addresses of name servers), tags.

    `creation`, for one of IPv6: ipv6 (true); pool, the id of the subnet pool that gives the cidr
    where none is wanted. Machines make their addresses there by themselves (SLAAC), so that Neutron
    gives one to each port of the network, those that are there included.
    """

    name = "subnet"
    fixed = frozenset({"network", "cidr"})

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network

    def find(self) -> Iterable[Found]:
        """Those with the mark as their description."""
        for subnet in self._network.subnets(
            description=self._project.mark, project_id=self._project.id
        ):
            yield self._found(subnet)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """With DHCP, and its first address as the gateway."""
        attributes = known.attributes(wanted)
        of_version = (
            _ipv6(attributes["cidr"], wanted.creation["pool"])
            if wanted.creation.get("ipv6")
            else {"ip_version": 4, "cidr": attributes["cidr"]}
        )
        subnet = self._network.create_subnet(
            name=wanted.key.name,
            description=self._project.mark,
            network_id=attributes["network"],
            dns_nameservers=attributes["dns"],
            **of_version,
        )
        return replace(self._found(subnet), answer=subnet)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its name servers and tags."""
        subnet = found.answer or self._network.get_subnet(found.id)
        if found.attributes["dns"] != list(wanted.attributes["dns"]):
            subnet = self._network.update_subnet(
                subnet, dns_nameservers=list(wanted.attributes["dns"])
            )
        return self._found(self._project.tagged(subnet))

    def delete(self, found: Found, tell: Tell) -> None:
        """Ports with an address of it have to be gone before."""
        with named(self._project, found.key, fixed_ips=f"subnet_id={found.id}"):
            self._network.delete_subnet(found.id, ignore_missing=True)

    def _found(self, subnet: Any) -> Found:
        return Found(
            Key(self.name, subnet.name),
            subnet.id,
            {
                "network": subnet.network_id,
                "cidr": subnet.cidr,
                "dns": list(subnet.dns_nameservers or []),
                "tags": own_tags(subnet.tags),
            },
            created_at=subnet.created_at or "",
        )


def _ipv6(cidr: str, pool: str) -> dict[str, Any]:
    """What a call has to say of IPv6: the network, or the pool that it comes from."""
    modes = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    if not cidr:
        return {**modes, "subnet_pool_id": pool, "prefix_length": 64}
    # Neutron would take the address that ends in zeros, which means any router.
    return {**modes, "cidr": cidr, "gateway_ip": str(IPv6Network(cidr)[1])}
