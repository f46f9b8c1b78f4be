"""Which shape a cloud has: the keys that a newcomer's stack file gets, and what the doctor says."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.doctor import State
from skytier.doctor import shape as doctor
from skytier.doctor.cloud import Subject
from skytier.openstack.choices import choices, limits, picks, shape
from skytier.openstack.choices.choices import ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork, Subnet
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.choices.quota import Limit
from skytier.openstack.choices.shape import Shape
from skytier.stackfile import StackFile, parse
from skytier.stackfile.document import commented

PUBLIC = ExternalNetwork("p", "public")
ROUTER = GivenRouter("r", "ours", "p")
PROVIDER = GivenNetwork("n", "provider", Subnet("s", "provider", "8.8.4.0/24"))
CAMPUS = GivenNetwork("c", "campus", Subnet("t", "campus", "10.20.0.0/16"))
LED_OUT = GivenNetwork("d", "led-out", Subnet("u", "led-out", "10.30.0.0/16"))
SMALL, DISKLESS = Flavor("1", "m1.small", 2, 4096, 20), Flavor("2", "s1", 2, 4096, 0)
IMAGE = Image("i", "debian-12", "2026-01-01")
LARGE = replace(IMAGE, min_disk_gib=40)
NO_ROUTER = {"routers": Limit(0, 0)}
NO_ADDRESS = {"floating_ips": Limit(0, 0)}
USUAL = Shape([PUBLIC], limits={"routers": Limit(10, 10), "floating_ips": Limit(None, 3)})

# What there is, and the keys that are written; a key that is left to the operator is None.
NETWORKS: dict[str, tuple[Shape, dict[str, str | None]]] = {
    "the usual": (USUAL, {"external_network": "public"}),
    "with networks that nobody needs": (
        replace(USUAL, networks=[CAMPUS], routers=[ROUTER]), {"external_network": "public"}),
    "several external networks": (
        replace(USUAL, external=[PUBLIC, ExternalNetwork("o", "other")]),
        {"external_network": None}),
    "no router, and one that is there": (
        Shape([PUBLIC], limits=NO_ROUTER, routers=[ROUTER]), {"router": "ours"}),
    "several that are there": (
        Shape([PUBLIC], limits=NO_ROUTER, routers=[ROUTER, replace(ROUTER, id="q", name="q")]),
        {"router": None}),
    "two of one name": (
        Shape([PUBLIC], limits=NO_ROUTER, routers=[ROUTER, replace(ROUTER, id="q")]),
        {"router": None}),
    "no router, and a network of the project's with one": (
        Shape([PUBLIC], [CAMPUS], frozenset({"c"}), frozenset({"c"}), limits=NO_ROUTER),
        {"network": "campus"}),
    "no router, and a network of the project's that leads nowhere": (
        Shape([PUBLIC], [CAMPUS], frozenset({"c"}), limits=NO_ROUTER), {"network": None}),
    "one that leads nowhere, and one with a router": (
        Shape([PUBLIC], [CAMPUS, LED_OUT], frozenset({"c", "d"}), frozenset({"d"}),
              limits=NO_ROUTER),
        {"network": "led-out"}),
    "one that leads nowhere, and a network of others": (
        Shape([PUBLIC], [CAMPUS, PROVIDER], frozenset({"c"}), limits=NO_ROUTER),
        {"network": "provider", "public": "fixed"}),
    "a public one of the project's": (
        Shape([PUBLIC], [PROVIDER], frozenset({"n"}), limits=NO_ROUTER),
        {"network": "provider", "public": "fixed"}),
    "one of the project's, and no floating IPs": (
        Shape((), [CAMPUS], frozenset({"c"})), {"network": "campus", "public": "none"}),
    "no network, and one of the project's": (
        Shape([PUBLIC], [CAMPUS, PROVIDER], frozenset({"c"}), frozenset({"c"}), [ROUTER],
              limits={"networks": Limit(0, 0)}),
        {"network": "campus"}),
    "no router, and a network of others": (
        Shape([PUBLIC], [PROVIDER], limits=NO_ROUTER), {"network": "provider", "public": "fixed"}),
    "a provider network": (Shape((), [PROVIDER]), {"network": "provider", "public": "fixed"}),
    "a private one": (Shape((), [CAMPUS]), {"network": "campus", "public": "none"}),
    "no floating IPs by quota": (
        Shape([PUBLIC], [CAMPUS], limits=NO_ADDRESS), {"network": "campus", "public": "none"}),
    "no floating IPs by quota, and a public network": (
        Shape([PUBLIC], [CAMPUS, PROVIDER], limits=NO_ADDRESS),
        {"public": "port", "public_network": "provider", "external_network": "public"}),
    "no floating IPs by quota, and several public networks": (
        Shape([PUBLIC], [PROVIDER, replace(PROVIDER, name="second")], limits=NO_ADDRESS),
        {"public_network": None, "external_network": "public"}),
    "several networks": (Shape((), [CAMPUS, PROVIDER]), {"network": None}),
    "nothing": (Shape(), {"network": None}),
}  # fmt: skip


def keys(found: picks.Picks) -> dict[str, Any]:
    chosen: dict[str, Any] = {key: pick.value for key, pick in found.picked.items()}
    return chosen | dict.fromkeys(found.undecided)


@pytest.mark.parametrize("case", NETWORKS)
def test_the_keys_for_the_network_follow_from_what_there_is(case: str) -> None:
    cloud, wanted = NETWORKS[case]

    found = picks.pick([Offer(IMAGE)], [SMALL], cloud)

    assert keys(found) == {"image": "debian-12", "flavor": "m1.small"} | wanted
    chosen = {key: pick.value for key, pick in found.picked.items()}
    assert parse(commented(chosen)).public == wanted.get("public", "floating-ip")


def test_a_network_that_a_person_chooses_has_the_public_that_goes_with_it() -> None:
    found = picks.of_network(Shape((), [CAMPUS, PROVIDER]))
    assert list(found.options["network"]) == ["campus", "provider"]
    assert {name: pick.value for name, pick in found.public.items()} == {
        "campus": "none",
        "provider": "fixed",
    }
    assert "campus (10.20.0.0/16), provider (8.8.4.0/24)" in found.undecided["network"]


# Flavors, whether there is Cinder, the image, and what is written of the disks.
DISKS: dict[str, tuple[list[Flavor], bool, Image, dict[str, Any]]] = {
    "with a disk": ([SMALL, DISKLESS], True, IMAGE, {"flavor": "m1.small"}),
    "without one": ([DISKLESS], True, IMAGE, {"flavor": "s1", "root_gib": 20}),
    "for a large image": ([DISKLESS], True, LARGE, {"flavor": "s1", "root_gib": 40}),
    "without one, and without Cinder": ([DISKLESS], False, IMAGE, {"flavor": None}),
    "without Cinder": ([SMALL, DISKLESS], False, IMAGE, {"flavor": "m1.small"}),
}


@pytest.mark.parametrize("case", DISKS)
def test_the_keys_for_the_disks_follow_from_the_flavors(case: str) -> None:
    flavors, volumes, image, wanted = DISKS[case]
    found = picks.pick([Offer(image)], flavors, replace(USUAL, volumes=volumes))
    assert {k: v for k, v in keys(found).items() if k in ("flavor", "root_gib")} == wanted


# What there is, the stack file, whether all is well, what is said, and what to do.
SAID: dict[str, tuple[Shape, list[Flavor], str, State, str, str]] = {
    "the usual": (
        USUAL, [SMALL], "", State.OK,
        "flavors with a disk; root volumes; floating IPs of public; networks and routers", ""),
    "a poor one": (
        Shape((), [PROVIDER], volumes=False, zones=["a", "b"]), [SMALL, DISKLESS], "",
        State.WARNING,
        "1 of 2 flavors have no disk; no volumes to boot from; no external network; networks and "
        "routers; there already: provider (8.8.4.0/24); zones a, b.",
        'Set in the stack file: network = "provider", public = "fixed"'),
    "one that the stack file knows": (
        Shape((), [PROVIDER]), [DISKLESS], 'network = "provider"\npublic = "fixed"', State.OK,
        "no flavor has a disk; root volumes; no external network; networks and routers; there "
        "already: provider (8.8.4.0/24)", ""),
    "zones of volumes of their own": (
        replace(USUAL, zones=["a", "b"], volume_zones=["nova"]), [SMALL], "", State.OK,
        "flavors with a disk; root volumes; floating IPs of public; networks and routers; zones "
        "a, b; zones of volumes nova", ""),
    "the same zones for volumes": (
        replace(USUAL, zones=["nova"], volume_zones=["nova"]), [SMALL], "", State.OK,
        "flavors with a disk; root volumes; floating IPs of public; networks and routers", ""),
    "quotas of nothing": (
        Shape([PUBLIC], limits=NO_ROUTER | NO_ADDRESS | {"networks": Limit(0, 0)}), [SMALL], "",
        State.WARNING,
        "flavors with a disk; root volumes; no floating IPs of public, by quota; no networks and "
        "no routers by quota.",
        "Here there are no floating IPs, and no network takes machines of this project: ask the "
        "cloud's operator for one."),
    "no floating IPs": (
        Shape([PUBLIC], [PROVIDER], limits=NO_ADDRESS), [SMALL], "", State.WARNING,
        "flavors with a disk; root volumes; no floating IPs of public, by quota; networks and "
        "routers; there already: provider (8.8.4.0/24).",
        'Set in the stack file: public = "port", public_network = "provider"'),
    "nothing public": (
        Shape([PUBLIC], limits=NO_ADDRESS), [SMALL], 'public = "none"', State.OK,
        "flavors with a disk; root volumes; no floating IPs of public, by quota; networks and "
        "routers", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_the_doctor_says_which_shape_a_cloud_has_and_what_the_stack_file_lacks(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    found, flavors, text, state, said, do = SAID[case]
    monkeypatch.setattr(shape, "look", lambda conn: found)
    monkeypatch.setattr(choices, "offered_flavors", lambda conn: flavors)
    subject = Subject(parse(text), "c")
    subject.__dict__["conn"] = None

    finding = doctor.cloud(subject)

    assert (finding.state, finding.said, finding.do) == (state, said, do)


# The stack file, the volumes that machines boot from, and what the stack looks like.
LOOKS: dict[str, tuple[str, dict[str, int], str]] = {
    "the usual": (
        "", {},
        "2 machines on the disks of their flavors, in a private network on its own router; "
        "visitors come to a floating IP, of skytier-web-1"),
    "on root volumes, behind a router": (
        'router = "ours"\nweb.count = 2', {"web": 20, "database": 20, "balancer": 20},
        "4 machines on root volumes, in a private network on the router ours; visitors come to a "
        "floating IP, of skytier-balancer-1"),
    "on a provider network": (
        'network = "provider"\npublic = "fixed"', {"web": 20},
        "2 machines of which web on root volumes, in the network provider; visitors come to the "
        "public address of skytier-web-1"),
    "nothing public": (
        'public = "none"', {},
        "2 machines on the disks of their flavors, in a private network on its own router; "
        "visitors come to the private address of skytier-web-1"),
    "with a second port": (
        'public = "port"\npublic_network = "provider"', {},
        "2 machines on the disks of their flavors, in a private network on its own router; "
        "visitors come to the address of a second port of skytier-web-1, on provider"),
    "with a second port, and alone": (
        'public = "port"\npublic_network = "provider"\n'
        '[application]\nserve = "m:app"\nrequires = []', {},
        "1 machine on the disks of their flavors, in a private network without a router; "
        "visitors come to the address of a second port of skytier-web-1, on provider"),
    "an address of one's own": (
        'floating_ip = "203.0.113.7"', {},
        "2 machines on the disks of their flavors, in a private network on its own router; "
        "visitors come to 203.0.113.7, your own, of skytier-web-1"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOKS)
def test_the_doctor_says_what_a_stack_looks_like(case: str) -> None:
    text, roots, said = LOOKS[case]
    subject = Subject(parse(text), "c")
    subject.roots = dict.fromkeys(subject.stack.machines(), 0) | roots
    subject.__dict__["given"] = PROVIDER if subject.stack.network else None
    subject.__dict__["router"] = ROUTER if subject.stack.router else None
    assert doctor.stack(subject).said == said


def resource(name: str, **more: Any) -> SimpleNamespace:
    usual = {"project_id": "mine", "description": "", "is_shared": False}
    return SimpleNamespace(id=f"id-{name}", name=name, **(usual | more))


def network(name: str, **more: Any) -> SimpleNamespace:
    usual = {"is_router_external": False, "is_default": False, "is_port_security_enabled": True}
    return resource(name, **(usual | more))


def subnet(of: str, **more: Any) -> SimpleNamespace:
    usual = {"network_id": f"id-{of}", "cidr": "10.0.0.0/24", "is_dhcp_enabled": True}
    return resource(of, **(usual | more))


MARK: Mapping[str, str] = {"description": "skytier:stack=shop"}


def test_what_there_is_before_any_stack_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [
        network("public", is_router_external=True, project_id="admin"),
        network("provider", is_shared=True, project_id="admin"),
        network("own"),
        network("unguarded", is_port_security_enabled=False),
        network("two-subnets"),
        network("no-dhcp"),
        network("of-a-stack", **MARK),
        network("of-others", project_id="other"),
    ]
    subnets = [
        *(subnet(each.name) for each in networks if each.name != "no-dhcp"),
        subnet("two-subnets"),
        subnet("no-dhcp", is_dhcp_enabled=False),
    ]
    routers = [
        resource("ours", external_gateway_info={"network_id": "id-public"}),
        resource("inside", external_gateway_info=None),
        resource("of-a-stack", external_gateway_info={"network_id": "id-public"}, **MARK),
    ]
    extensions = [SimpleNamespace(alias="port-security")]
    neutron = SimpleNamespace(
        networks=lambda: networks,
        subnets=lambda ip_version: subnets,
        routers=lambda project_id: routers,
        ports=lambda device_owner: [resource("interface", network_id="id-own")],
        extensions=lambda: extensions,
    )
    zones = [
        SimpleNamespace(name="b", state={"available": True}),
        SimpleNamespace(name="a", state={"available": True}),
        SimpleNamespace(name="off", state={"available": False}),
    ]
    conn = SimpleNamespace(
        network=neutron,
        compute=SimpleNamespace(availability_zones=lambda: zones),
        current_project_id="mine",
    )
    monkeypatch.setattr(limits, "read", lambda conn: NO_ROUTER)
    monkeypatch.setattr(shape, "has_volumes", lambda conn: False)

    found = shape.look(cast(Any, conn))

    assert [each.name for each in found.external] == ["public"]
    assert [each.name for each in found.networks] == ["provider", "own"]
    assert [each.name for each in found.routers] == ["ours"]
    assert found.own >= {"id-own"}
    assert "id-provider" not in found.own
    assert found.routed == {"id-own"}
    assert (found.zones, found.volumes, found.may_have("routers")) == (["a", "b"], False, False)
    # Where Neutron has no such extension, it does not tell, and all ports are guarded.
    extensions.clear()
    names = [each.name for each in shape.look(cast(Any, conn)).networks]
    assert names == ["provider", "own", "unguarded"]
    # Those of Cinder are asked where it is there.
    monkeypatch.setattr(shape, "has_volumes", lambda conn: True)
    conn.block_storage = SimpleNamespace(availability_zones=lambda: zones[1:])
    found = shape.look(cast(Any, conn))
    assert (found.volume_zones, found.volumes) == (["a"], True)


def test_a_cloud_that_tells_no_quotas_is_taken_to_have_all() -> None:
    assert Shape([PUBLIC]).has_floating_ips
    assert not Shape().has_floating_ips
    assert picks.of_network(Shape([PUBLIC])).picked["external_network"].value == "public"
    assert StackFile().needs_external_network
