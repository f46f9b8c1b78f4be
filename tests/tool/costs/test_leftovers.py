"""Which ports of a project belong to nothing, so that somebody may delete them."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import ForbiddenException
from openstack.network.v2.port import Port

from skytier.openstack.resources.project import Project
from skytier.openstack.spending import leftovers

SHOP = Project(cast(Any, None), "shop")
ADDRESS = "192.168.128.50"


def port(number: str, address: str = ADDRESS, network: str = "n", **more: Any) -> Port:
    return Port(
        id=number,
        name=f"port-{number}",
        network_id=network,
        fixed_ips=[{"ip_address": address}],
        **more,
    )


def of_machine(number: str, *pairs: str, network: str = "n") -> Port:
    """A port of a machine, which may use other addresses, too."""
    return port(
        *(number, f"192.168.128.{number}", network),
        device_id="server",
        device_owner="compute:nova",
        allowed_address_pairs=[{"ip_address": pair} for pair in pairs],
    )


def orphans(*ports: Port, led_to: Sequence[str] = ()) -> list[str]:
    return [each.id for each in leftovers.orphans(ports, led_to)]


@pytest.mark.parametrize(
    "description", ["", "somebody's own", SHOP.mark, SHOP.on_public_network, "a virtual address"]
)
def test_a_port_that_no_machine_has_belongs_to_nothing(description: str) -> None:
    assert orphans(of_machine("1"), port("9", description=description)) == ["9"]


@pytest.mark.parametrize("stack", ["shop", "another-stack"])
def test_that_of_an_address_that_balancers_share_is_none(stack: str) -> None:
    """Also where neither balancer is there yet, or any more."""
    virtual = Project(cast(Any, None), stack).of_virtual_address
    assert orphans(port("9", description=virtual)) == []


def test_nor_is_one_that_a_floating_ip_leads_to_or_a_load_balancer_has() -> None:
    assert orphans(port("8"), port("9"), led_to=["9"]) == ["8"]


def test_nor_is_one_whose_address_other_ports_of_its_network_may_use() -> None:
    assert orphans(of_machine("1", ADDRESS), port("9")) == []
    assert orphans(of_machine("1", ADDRESS, network="other"), port("9")) == ["9"]


def forbidden() -> list[Any]:
    raise ForbiddenException("Policy does not allow this request to be performed.")


@pytest.mark.parametrize(
    ("octavia", "answers", "reported"),
    [
        (True, lambda: [SimpleNamespace(vip_port_id="8")], ["9"]),
        (False, forbidden, ["8", "9"]),
        # Any of them may be that of a load balancer.
        (True, forbidden, []),
    ],
)
def test_a_project_is_asked_for_all_that_uses_ports(
    octavia: bool,
    answers: Callable[[], list[Any]],
    reported: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ip = SimpleNamespace(port_id="7")
    asked = SimpleNamespace(
        current_project_id="p",
        network=SimpleNamespace(
            ips=lambda project_id: [ip],
            ports=lambda project_id: [port(number) for number in "789"],
        ),
        load_balancer=SimpleNamespace(load_balancers=lambda project_id: answers()),
    )
    there = frozenset({"network", *(["load-balancer"] if octavia else [])})
    monkeypatch.setattr("skytier.openstack.catalog.services", lambda connection: there)

    found = leftovers.find(cast(Any, asked))

    assert [each.id for each in found] == reported
