"""Ports: a machine's place in the private network. Nova makes none of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import Project, own_tags


class Port(Listed):
    """`attributes`: network (a Key, or the id of one that is there), security_groups (Keys; left as
    they are where none are named), tags; ipv6, whether it has an IPv6 address, which nobody but a
    stack with IPv6 wants to know; address_pairs, the virtual ports (Keys) whose addresses its
    machine may use besides its own, as far as somebody wants to know.

    `creation`: subnet, the id of the one that the address comes from; without it any of those.
    ipv6_subnet, the Key or the id of the one of IPv6. For one that takes the place of another: its
    address and mac.
    `facts`: address, the IPv4 one where there are two; ipv6, the other one; mac; device, the id of
    the server that has it.
    """

    name = "port"
    fixed = frozenset({"network"})

    @property
    def description(self) -> str:
        """What tells its own: the mark."""
        return self._project.mark

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network
        self.lists = project.ports

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those with the mark alone as their description."""
        listed = list(listed)
        virtual = {
            fixed["ip_address"]: port.id
            for port in listed
            if port.description == self._project.of_virtual_address
            for fixed in port.fixed_ips or []
        }
        for port in listed:
            if port.description == self.description:
                yield self._found(port, virtual)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Behind its groups from the first moment, with an address that Neutron chooses if none is
        given."""
        attributes, creation = known.attributes(wanted), wanted.creation
        fixed = {
            **({"subnet_id": subnet} if (subnet := creation.get("subnet")) else {}),
            **({"ip_address": address} if (address := creation.get("address")) else {}),
        }
        port = self._network.create_port(
            name=wanted.key.name,
            description=self.description,
            network_id=attributes["network"],
            security_groups=attributes.get("security_groups", []),
            **({"fixed_ips": [fixed]} if fixed else {}),
            **({"mac_address": mac} if (mac := creation.get("mac")) else {}),
        )
        return replace(self._found(port), answer=port)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its groups and tags, and its IPv6 address, where somebody took that away; and whose
        addresses its machine may use, too."""
        groups = known.attributes(wanted).get("security_groups")
        port = found.answer or self._network.get_port(found.id)
        if wanted.attributes.get("ipv6") and not _ipv6(port):
            subnet = known.creation(wanted)["ipv6_subnet"]
            fixed = [*port.fixed_ips, {"subnet_id": subnet}]
            port = self._network.update_port(port, fixed_ips=fixed)
        if groups is not None and sorted(port.security_group_ids) != sorted(groups):
            port = self._network.update_port(port, security_groups=groups)
        pairs = wanted.attributes.get("address_pairs")
        virtual = {known[key].facts["address"]: known[key].id for key in pairs or ()}
        if pairs is not None and _pairs(port) != sorted(virtual):
            allowed = [{"ip_address": address} for address in virtual]
            port = self._network.update_port(port, allowed_address_pairs=allowed)
        return self._found(self._project.tagged(port), virtual)

    def delete(self, found: Found, tell: Tell) -> None:
        """A floating IP that leads here stays and leads nowhere."""
        self._network.delete_port(found.id, ignore_missing=True)

    def _found(self, port: Any, virtual: Mapping[str, str] | None = None) -> Found:
        """`virtual` is the address of each virtual port to the port's id."""
        addresses = [fixed["ip_address"] for fixed in port.fixed_ips or []]
        addresses.sort(key=lambda address: ":" in address)
        return Found(
            Key(self.name, port.name),
            port.id,
            {
                "network": port.network_id,
                "security_groups": sorted(port.security_group_ids or []),
                "tags": own_tags(port.tags),
                "ipv6": bool(_ipv6(port)),
                "address_pairs": [(virtual or {}).get(each, each) for each in _pairs(port)],
            },
            {
                "address": addresses[0] if addresses else None,
                "ipv6": _ipv6(port),
                "mac": port.mac_address,
                "device": port.device_id or None,
            },
            created_at=port.created_at or "",
        )


def _pairs(port: Any) -> list[str]:
    """The addresses that a port may use besides its own."""
    return sorted(pair["ip_address"] for pair in port.allowed_address_pairs or [])


def _ipv6(port: Any) -> str | None:
    addresses = (fixed["ip_address"] for fixed in port.fixed_ips or [])
    return next((address for address in addresses if ":" in address), None)
