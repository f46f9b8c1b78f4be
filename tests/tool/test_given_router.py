"""A private network of a stack on a router that is there, and the network that Neutron makes."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices import given_network
from skytier.openstack.choices.choices import Choices, ExternalNetwork, choose_external_network
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork, Subnet
from skytier.openstack.choices.given_router import GivenRouter, find, refuse_overlap
from skytier.openstack.choices.images import Image
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.router_interface import RouterInterface
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up
from .loopback import as_json, serving, version_document, without_keystone

ON_IT = parse('router = "ours"')
PUBLIC, OTHER = ExternalNetwork("p", "public"), ExternalNetwork("o", "other")
ROUTER = GivenRouter("r", "ours", "p", {"office": "192.168.100.0/24"})
FLAVORS = dict.fromkeys(("web", "database"), Flavor("1", "m1.small", 2, 4096, 20))
INTERFACE, SUBNET = Key("router interface", "skytier-router-interface"), Key("subnet", "s")
PROJECT = Project(cast(Any, None), "skytier")


def resolved(
    stack: StackFile, router: GivenRouter | None = ROUTER, given: GivenNetwork | None = None
) -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    choices = Choices(images, FLAVORS, PUBLIC, given=given, router=router if stack.router else None)
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def made(stack: StackFile, known: Known) -> list[Wanted]:
    return wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known)


def there(stack: StackFile) -> Known:
    return brought_up(
        lambda known: made(stack, known),
        lambda number, each: {
            "address": f"192.168.128.{number + 2}",
            "data": "",
            "role": each.creation.get("role", ""),
        },
    )


def test_the_private_network_is_the_stacks_own_and_the_router_is_not() -> None:
    steps = plan(made(ON_IT, Known()), [], RULES)
    kinds = {step.key.kind for step in steps}
    assert kinds >= {"network", "subnet", "router interface", "floating IP"}
    assert "router" not in kinds
    by_key = {step.key: step for step in steps}
    for name in ("skytier-web-1", "skytier-database-1"):
        # Without a way out a machine finds no packages at its first boot.
        assert INTERFACE in by_key[Key("server", name)].needs
    assert INTERFACE in by_key[Key("floating IP", "skytier-web-1")].needs
    for needs in (of_steps(steps, FLAVORS), whole_plan(ON_IT, FLAVORS)):
        assert (needs.routers, needs.networks, needs.subnets, needs.ports) == (0, 1, 1, 4)
    known = there(ON_IT)
    assert nothing_to_do(plan(made(ON_IT, known), known.values(), RULES))
    assert Plan(steps, resolved(ON_IT), "").networks.startswith(
        "The private network gets an interface on the router ours; nothing else"
    )


def test_a_plan_says_which_cloud_and_which_region_it_is_for() -> None:
    of_cloud = resolved(parse('cloud = "mycloud"'))
    assert Plan([], of_cloud, "", region="RegionOne").place == "On mycloud, region RegionOne."
    assert Plan([], of_cloud, "").place == "On mycloud."


def test_an_interface_goes_after_the_floating_ips_and_before_the_subnet() -> None:
    order = [step.key.kind for step in plan([], there(ON_IT).values(), RULES)]
    assert order.index("floating IP") < order.index("router interface") < order.index("subnet")


def test_an_interface_that_a_killed_run_left_without_a_router_is_put_on_it() -> None:
    known = there(ON_IT)
    known[INTERFACE] = replace(
        known[INTERFACE], attributes={**known[INTERFACE].attributes, "router": ""}
    )
    steps = {step.key: step for step in plan(made(ON_IT, known), known.values(), RULES)}
    assert steps[INTERFACE].action is Action.CHANGE


@pytest.mark.parametrize(
    ("before", "after"),
    [(ON_IT, StackFile()), (StackFile(), ON_IT)],
    ids=["from it", "onto it"],
)
def test_a_private_network_does_not_move_to_another_router(
    before: StackFile, after: StackFile
) -> None:
    with pytest.raises(SkytierError, match="does not move to another one"):
        made(after, there(before))


def test_nor_to_another_one_that_is_there() -> None:
    another = replace(ROUTER, id="r2", name="another")
    with pytest.raises(SkytierError, match="does not move to another one"):
        wanted(resolved(ON_IT, another), PROJECT, "ssh-ed25519 key", there(ON_IT))


def test_floating_ips_come_from_the_network_that_the_router_leads_to() -> None:
    offers = [OTHER, PUBLIC]
    assert choose_external_network(offers, ON_IT, ROUTER) == PUBLIC
    named = ON_IT.model_copy(update={"external_network": "p"})
    assert choose_external_network(offers, named, ROUTER) == PUBLIC
    none = ON_IT.model_copy(update={"public": "none"})
    assert choose_external_network([], none, GivenRouter("r", "ours")).id == ""


REFUSED: dict[str, tuple[GivenRouter, dict[str, str], str]] = {
    "no gateway": (GivenRouter("r", "ours"), {}, "has no gateway to an external network"),
    "a gateway that nobody sees": (
        GivenRouter("r", "ours", "hidden"), {}, "leads to the network hidden, which is no"),
    "a gateway on another network": (
        ROUTER, {"external_network": "other"}, "leads to the external network public, and the"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_router_that_gives_no_floating_ips_is_refused(case: str) -> None:
    router, more, said = REFUSED[case]
    with pytest.raises(SkytierError, match=said):
        choose_external_network([OTHER, PUBLIC], ON_IT.model_copy(update=more), router)


def test_addresses_that_the_router_has_already_are_refused_with_others_that_are_free() -> None:
    refuse_overlap(ROUTER, ON_IT)
    full = replace(ROUTER, subnets={"a": "192.168.128.0/23", "b": "192.168.130.0/25"})
    with pytest.raises(SkytierError, match=r"has the subnet a \(192\.168\.128\.0/23\)") as error:
        refuse_overlap(full, ON_IT)
    assert error.value.do == (
        'Give it other addresses in the stack file: cidr = "192.168.131.0/24"'
    )


class Neutron:
    """A project's routers, and what is on them."""

    def __init__(self, *routers: SimpleNamespace) -> None:
        self._routers = routers

    def routers(self, project_id: str) -> Sequence[SimpleNamespace]:
        assert project_id == "mine"  # an administrator sees those of others
        return self._routers

    def ports(self, device_id: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(fixed_ips=[{"subnet_id": each}]) for each in ("s1", "s2")]

    def subnets(self, ip_version: int) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(id="s1", name="", cidr="10.0.0.0/24", description=""),
            SimpleNamespace(
                id="s2", name="own", cidr="192.168.128.0/24", description="skytier:stack=skytier"
            ),
            SimpleNamespace(id="s3", name="off", cidr="192.168.128.0/24", description=""),
        ]


def router(name: str, description: str = "", gateway: str | None = "p") -> SimpleNamespace:
    info = {"network_id": gateway} if gateway else None
    return SimpleNamespace(
        id=f"id-{name}", name=name, description=description, external_gateway_info=info
    )


def looked(*routers: SimpleNamespace) -> GivenRouter | None:
    conn = SimpleNamespace(network=Neutron(*routers), current_project_id="mine")
    return find(cast(Any, conn), ON_IT)


def test_a_router_is_found_with_what_is_on_it_but_for_the_stacks_own() -> None:
    assert looked(router("theirs"), router("ours")) == GivenRouter(
        "id-ours", "ours", "p", {"s1": "10.0.0.0/24"}
    )
    found = looked(router("ours", gateway=None))
    assert found
    assert found.external_network == ""
    assert find(cast(Any, None), StackFile()) is None


def test_a_router_that_is_not_there_or_that_goes_with_a_stack_is_refused() -> None:
    with pytest.raises(SkytierError, match="sees no router 'ours'"):
        looked(router("theirs"))
    with pytest.raises(SkytierError, match="Several routers are called 'ours'"):
        looked(router("ours"), router("ours"))
    with pytest.raises(SkytierError, match="was made for the stack shop"):
        looked(router("ours", "skytier:stack=shop"))


class Interfaces:
    """Neutron with one port, which may be on a router, and answers that are lost."""

    def __init__(self, device: str = "", *, lost: bool = False) -> None:
        self.device, self.lost, self.calls = device, lost, list[str]()

    def get_subnet(self, subnet_id: str) -> SimpleNamespace:
        return SimpleNamespace(id=subnet_id, network_id="n", gateway_ip="192.168.128.1")

    def get_port(self, port_id: str) -> SimpleNamespace:
        return self._port()

    def create_port(self, **body: Any) -> SimpleNamespace:
        assert body["fixed_ips"] == [{"subnet_id": "s", "ip_address": "192.168.128.1"}]
        assert body["description"] == "skytier:stack=skytier router interface"
        return self._port()

    def add_interface_to_router(self, router: str, subnet: None, port: str) -> None:
        self.calls.append(f"add {router} {port}")
        self.device = router
        if self.lost:
            raise ConnectionError

    def remove_interface_from_router(self, router: str, subnet: None, port: str) -> None:
        self.calls.append(f"remove {router} {port}")

    def delete_port(self, port: str, ignore_missing: bool) -> None:
        assert ignore_missing
        self.calls.append(f"delete {port}")

    def _port(self) -> SimpleNamespace:
        return SimpleNamespace(
            id="i", name=INTERFACE.name, device_id=self.device, tags=PROJECT.tags,
            fixed_ips=[{"subnet_id": "s"}], created_at="",
        )  # fmt: skip


@pytest.mark.parametrize("lost", [False, True], ids=["", "the answer is lost"])
def test_an_interface_is_a_marked_port_that_is_put_on_the_router_and_taken_off(lost: bool) -> None:
    network = Interfaces(lost=lost)
    kind = RouterInterface(Project(cast(Any, SimpleNamespace(network=network)), "skytier"))
    known = Known({SUBNET: Found(SUBNET, "s", {})})
    asked = Wanted(INTERFACE, {"router": "r", "subnet": SUBNET, "tags": PROJECT.tags})

    found = kind.create(asked, known)
    assert found.attributes["router"] == ""
    found = kind.reconcile(asked, found, known, lambda text: None)
    assert found.attributes == {"router": "r", "subnet": "s", "tags": PROJECT.tags}
    kind.reconcile(asked, found, known, lambda text: None)
    kind.delete(found, lambda text: None)

    assert network.calls == ["add r i", "remove r i", "delete i"]


AUTO = parse('network = "auto"')
MADE = {
    "id": "a",
    "name": "auto_allocated_network",
    "project_id": "mine",
    "shared": False,
    "port_security_enabled": True,
}
ANOTHER = MADE | {"id": "x", "project_id": "other"}
NAMED = MADE | {"id": "m", "name": "auto"}
FOUND = GivenNetwork("a", "auto_allocated_network", Subnet("s", "auto", "10.0.0.0/26"))
# What is there, what the dry run says, and what is found.
TOPOLOGIES: dict[str, tuple[list[dict[str, Any]], int, GivenNetwork | None]] = {
    "what Neutron made before": ([ANOTHER, MADE], 409, FOUND),
    "a network of that name": ([MADE, NAMED], 409, replace(FOUND, id="m", name="auto")),
    "what it can make": (
        [ANOTHER], 200,
        GivenNetwork("", "auto_allocated_network", Subnet("", "", "192.168.128.0/24"))),
    "what it cannot make": ([], 409, None),
}  # fmt: skip


@pytest.mark.parametrize("case", TOPOLOGIES)
def test_auto_is_the_network_that_neutron_made_or_can_make(case: str) -> None:
    networks, status, found = TOPOLOGIES[case]
    asked: list[str] = []

    def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked.append(f"{method} {path.removeprefix('/network/v2.0')}")
        if "auto-allocated-topology" in path:
            said = {"NeutronError": {"message": "Deployment error: No default subnetpools."}}
            return as_json(status, said if status > 200 else {"auto_allocated_topology": {}})
        if "/networks" in path:
            return as_json(200, {"networks": networks})
        if "/subnets" in path:
            subnet = {"id": "s", "name": "auto", "cidr": "10.0.0.0/26", "enable_dhcp": True}
            return as_json(200, {"subnets": [subnet]})
        return version_document(path)

    with serving(answer) as url:
        conn = without_keystone(url)
        of_project = cast(Any, SimpleNamespace(network=conn.network, current_project_id="mine"))
        if found is None:
            with pytest.raises(SkytierError, match=r"No default subnetpools") as error:
                given_network.find(of_project, AUTO)
            assert "default subnet pool" in str(error.value.do)
        else:
            assert given_network.find(of_project, AUTO) == found
        assert all(each.startswith("GET") for each in asked)
        looks = [each for each in asked if "auto-allocated" in each]
        assert all(each.endswith("/auto-allocated-topology/mine?fields=dry-run") for each in looks)
        asked.clear()
        if found:
            given_network.make(of_project, AUTO)
            makes = [each for each in asked if each.endswith("/auto-allocated-topology/mine")]
            assert len(makes) == (not found.id)


def test_what_neutron_is_to_make_is_said_and_is_no_network_of_the_stack() -> None:
    given = GivenNetwork("", "auto_allocated_network", Subnet("", "", "192.168.128.0/24"))
    asked = resolved(AUTO, None, given)
    steps = plan(wanted(asked, PROJECT, "ssh-ed25519 key", Known()), [], RULES)
    assert not {step.key.kind for step in steps} & {"network", "subnet", "router"}
    assert Plan(steps, asked, "").networks.startswith("Neutron makes a network with a router")


def test_a_router_is_for_a_network_of_the_stacks_own() -> None:
    with pytest.raises(SkytierError, match="router is for a private network"):
        parse('router = "ours"\nnetwork = "provider"')
