"""The interfaces of a router: those that are wanted, and no others."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action
from skytier.errors import SkytierError
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.router import Router, external_of
from skytier.stackfile import parse
from tests.tool.test_order import planned, there

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


OWN = Key("router", "skytier-router")


@pytest.mark.parametrize("text", ["", "web.count = 2", "web.count = 2\nbalancer.count = 2"])
def test_a_stack_with_floating_ips_is_not_led_to_another_external_network(text: str) -> None:
    stack = parse(f"{text}\nweb.image = 'debian-12'")
    found = there(stack)
    attributes = {**found[OWN].attributes, "external_network": "former"}
    found[OWN] = replace(found[OWN], attributes=attributes)

    with pytest.raises(SkytierError, match="names public") as refused:
        planned(stack, found)

    assert "of the external network former" in refused.value.what
    assert 'Set external_network = "former"' in (refused.value.do or "")


@pytest.mark.parametrize("gateway", [None, "former"])
def test_one_without_gateway_or_floating_ips_is_led_there(gateway: str | None) -> None:
    stack = parse("")
    found = there(stack)
    attributes = {**found[OWN].attributes, "external_network": gateway}
    found[OWN] = replace(found[OWN], attributes=attributes)
    if gateway:
        found = {key: each for key, each in found.items() if key.kind != "floating IP"}

    (step,) = [step for step in planned(stack, found) if step.key == OWN]

    assert step.action is Action.CHANGE
    assert [change.new for change in step.changes] == ["n"]


def test_what_the_stack_s_own_router_leads_to_is_known() -> None:
    older, newer, cut_off = (
        Found(OWN, str(to), {"external_network": to}, created_at=at)
        for to, at in (("a", "2026-01"), ("b", "2026-02"), (None, "2025-01"))
    )
    assert external_of([newer, older, cut_off]) == "a"
    assert external_of([cut_off, Found(SUBNET, "s", {})]) == ""
