"""The interfaces of a router: those that are wanted, and no others."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.router import Router

ROUTER, SUBNET = Key("router", "shop-router"), Key("subnet", "shop-subnet")


class Network:
    """Neutron with one router, as far as its interfaces go."""

    def __init__(self, project: str, subnets: list[str]) -> None:
        self.subnets = subnets
        self.router = SimpleNamespace(
            id="r",
            name="shop-router",
            tags=[project],
            external_gateway_info={"network_id": "public"},
            created_at="",
        )

    def get_router(self, router_id: str) -> object:
        return self.router

    def ports(self, **query: object) -> list[object]:
        return [
            SimpleNamespace(device_id="r", fixed_ips=[{"subnet_id": subnet}])
            for subnet in self.subnets
        ]

    def add_interface_to_router(self, router_id: str, subnet_id: str) -> None:
        self.subnets.append(subnet_id)

    def remove_interface_from_router(self, router_id: str, subnet_id: str) -> None:
        self.subnets.remove(subnet_id)


@pytest.mark.parametrize("there", [[], ["s"], ["other"], ["other", "s", "third"]], ids=str)
def test_a_router_ends_with_the_interfaces_that_are_wanted_and_no_others(there: list[str]) -> None:
    network = Network("skytier:stack=shop", there)
    connection = cast(Any, SimpleNamespace(network=network, current_project_id="p"))
    known = Known({SUBNET: Found(SUBNET, "s", {})})
    wanted = Wanted(
        ROUTER, {"external_network": "public", "subnets": [SUBNET], "tags": ["skytier:stack=shop"]}
    )
    found = Found(ROUTER, "r", {"external_network": "public", "subnets": list(there)})

    made = Router(Project(connection, "shop")).reconcile(wanted, found, known, lambda text: None)

    assert network.subnets == ["s"]
    assert made.attributes["subnets"] == ["s"]
