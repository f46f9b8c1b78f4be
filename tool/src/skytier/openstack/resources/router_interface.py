"""The interface of a stack's private network on a router that is there already."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from openstack.exceptions import NotFoundException

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.listed import Listed
from skytier.openstack.resources.project import Project, own_tags
from skytier.openstack.resources.router import INTERFACES


class RouterInterface(Listed):
    """`attributes`: router (an id; empty while it is on none), subnet (a Key), tags.
    `creation`: ipv6, whether there are IPv6 addresses in the network.

    It is a port with the address of the subnet's gateway. Its description is the mark and a word
    more, so it is no port of a machine. All else of the router belongs to others.
    """

    name = "router interface"
    fixed = frozenset({"subnet"})

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network
        self.lists = project.ports

    def among(self, listed: Iterable[Any]) -> Iterable[Found]:
        """Those ports of the stack, also one that a killed run left without a router."""
        for port in listed:
            if port.description == self._project.on_router:
                yield self._found(port)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The port, which is on no router yet. Routers do not go by security groups."""
        subnet = self._network.get_subnet(known.attributes(wanted)["subnet"])
        # Where machines make their addresses by themselves, each other port gets one at once: a
        # router takes no second port with one, and it alone may have that of the gateway.
        owner = {"device_owner": INTERFACES[0]} if wanted.creation.get("ipv6") else {}
        port = self._network.create_port(
            name=wanted.key.name,
            description=self._project.on_router,
            network_id=subnet.network_id,
            fixed_ips=[{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}],
            security_groups=[],
            **owner,
        )
        return replace(self._found(port), answer=port)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """It is on its router; and its tags."""
        port = found.answer or self._network.get_port(found.id)
        if not port.device_id:
            self._attach(wanted.attributes["router"], found.id)
            port = self._network.get_port(found.id)
        return self._found(self._project.tagged(port))

    def delete(self, found: Found, tell: Tell) -> None:
        """Take it off the router, by which Neutron deletes the port too."""
        if router := found.attributes["router"]:
            with suppress(NotFoundException):  # somebody took it off
                self._network.remove_interface_from_router(router, None, found.id)
        self._network.delete_port(found.id, ignore_missing=True)

    def _attach(self, router_id: str, port_id: str) -> None:
        try:
            self._network.add_interface_to_router(router_id, None, port_id)
        except Exception:
            # An answer that was lost on its way makes the second attempt a duplicate.
            if self._network.get_port(port_id).device_id != router_id:
                raise

    def _found(self, port: Any) -> Found:
        return Found(
            Key(self.name, port.name),
            port.id,
            {
                "router": port.device_id or "",
                "subnet": next((fixed["subnet_id"] for fixed in port.fixed_ips or []), ""),
                "tags": own_tags(port.tags),
            },
            created_at=port.created_at or "",
        )
