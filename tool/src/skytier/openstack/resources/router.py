"""Routers: the private network's way out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.project import Project, own_tags

INTERFACES = (
    "network:router_interface",
    "network:ha_router_replicated_interface",
    "network:router_interface_distributed",
)
"""What Neutron calls the ports by which routers of each make stand in a subnet."""


class Router:
    """`attributes`: external_network (an id), subnets (Keys), tags. `facts`: ipv6, the address that
    the external network gave it; None where that one has no IPv6."""

    name = "router"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network

    def find(self) -> Iterable[Found]:
        """Those with the mark as their description, with the subnets that they stand in."""
        routers = list(
            self._network.routers(description=self._project.mark, project_id=self._project.id)
        )
        subnets = self._subnets(None) if routers else {}
        for router in routers:
            yield self._found(router, subnets.get(router.id, []))

    def create(self, wanted: Wanted, known: Known) -> Found:
        """With its gateway, without an interface yet."""
        gateway = {"network_id": wanted.attributes["external_network"]}
        router = self._network.create_router(
            name=wanted.key.name,
            description=self._project.mark,
            external_gateway_info=gateway,
        )
        return replace(self._found(router, []), answer=router)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its gateway, its interfaces and its tags."""
        attributes = known.attributes(wanted)
        router = found.answer or self._network.get_router(found.id)
        if found.attributes["external_network"] != attributes["external_network"]:
            gateway = {"network_id": attributes["external_network"]}
            router = self._network.update_router(router, external_gateway_info=gateway)
        there = [] if found.answer else self._subnets(found.id).get(found.id, [])
        for subnet in attributes["subnets"]:
            if subnet not in there:
                self._add(found.id, subnet)
        for subnet in set(there) - set(attributes["subnets"]):
            self._network.remove_interface_from_router(found.id, subnet)
        return self._found(self._project.tagged(router), attributes["subnets"])

    def delete(self, found: Found, tell: Tell) -> None:
        """Its interfaces go first."""
        for subnet in self._subnets(found.id).get(found.id, []):
            self._network.remove_interface_from_router(found.id, subnet)
        self._network.delete_router(found.id, ignore_missing=True)

    def _add(self, router_id: str, subnet_id: str) -> None:
        try:
            self._network.add_interface_to_router(router_id, subnet_id)
        except Exception:
            # An answer that was lost on its way makes the second attempt a duplicate.
            if subnet_id not in self._subnets(router_id).get(router_id, []):
                raise

    def _subnets(self, router_id: str | None) -> dict[str, list[str]]:
        """Router to subnets, of one router or of all."""
        query = {"device_id": router_id} if router_id else {}
        found: dict[str, list[str]] = defaultdict(list)
        for port in self._network.ports(
            device_owner=list(INTERFACES), project_id=self._project.id, **query
        ):
            found[port.device_id] += [fixed["subnet_id"] for fixed in port.fixed_ips]
        return found

    def _found(self, router: Any, subnets: list[str]) -> Found:
        gateway = router.external_gateway_info or {}
        return Found(
            Key(self.name, router.name),
            router.id,
            {
                "external_network": gateway.get("network_id"),
                "subnets": sorted(subnets),
                "tags": own_tags(router.tags),
            },
            {"ipv6": ipv6_of(gateway)},
            created_at=router.created_at or "",
        )


def ipv6_of(gateway: Mapping[str, Any]) -> str | None:
    """The IPv6 address of a router's gateway, as its `external_gateway_info` says."""
    addresses = (each["ip_address"] for each in gateway.get("external_fixed_ips") or [])
    return next((address for address in addresses if ":" in address), None)


def external_of(found: Iterable[Found]) -> str:
    """The id of the network that the stack's own router leads to, the older one's if there are two;
    empty for none."""
    routers = sorted(
        (each for each in found if each.key.kind == Router.name), key=lambda each: each.created_at
    )
    return next((str(to) for each in routers if (to := each.attributes["external_network"])), "")
