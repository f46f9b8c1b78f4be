"""A second port of the entry point, on a network of others: what is made, who gets in by which
port, the way out of the others, and what cannot be changed afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from skytier.costs import bill
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices import public_network
from skytier.openstack.choices.choices import NO_NETWORK, Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.public_network import (
    PublicNetwork,
    check_takes_ports,
    check_way_out,
    usable,
)
from skytier.openstack.entry_point import EntryPoint, address_of
from skytier.openstack.machines.access import hosts
from skytier.openstack.plan import repair
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.plan.torn import recognised
from skytier.openstack.resources.interface import PUBLIC_PORT
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.public_port import PublicPort
from skytier.openstack.resources.server import Server
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.stackfile.exposure import exposures
from tests.applications import NOTHING

from .brought_up import brought_up

PORT = 'public = "port"\npublic_network = "provider"\n'
ALONE = f'{PORT}[application]\nserve = "m:app"\nrequires = []\n'
"""One web server and nothing else."""
NO_ROUTER = f'{PORT}router = "none"\nimage = "with-all-packages"\n'
PUBLIC = PublicNetwork("p", "provider", ["203.0.113.0/24", "198.51.100.0/24"])
EXTERNAL = ExternalNetwork("e", "external")
FLAVORS = dict.fromkeys(
    ("web", "database", "balancer", "monitor"), Flavor("1", "m1.small", 2, 4096, 20)
)
PROJECT = Project(cast(Any, None), "skytier")
WEB, DATABASE = "skytier-web-1", "skytier-database-1"
GROUP = Key("security group", "skytier-public")


def resolved(text: str) -> ResolvedStack:
    stack = parse(text)
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    external = EXTERNAL if stack.needs_external_network else NO_NETWORK
    public = PUBLIC if stack.public_network else None
    return ResolvedStack(stack, Choices(images, FLAVORS, external, public=public), ROLES, NOTHING)


def made(text: str, known: Known | None = None) -> dict[Key, Wanted]:
    asked = wanted(resolved(text), PROJECT, "ssh-ed25519 key", known or Known())
    return {each.key: each for each in asked}


def there(text: str) -> Known:
    def facts(number: int, each: Wanted) -> dict[str, Any]:
        public = each.creation.get("public_port")
        network = "203.0.113" if each.key.kind == "public port" else "192.168.128"
        return {
            "address": f"{network}.{number}",
            "data": "",
            "role": each.creation.get("role", ""),
            "metadata": {PUBLIC_PORT: str(public)} if public else {},
            "launched_at": "2026-01-01T00:00:00Z",
            "device": f"server-{each.key.name}" if "port" in each.key.kind else None,
            "status": "ACTIVE",
            "vcpus": 2,
        }

    return brought_up(
        lambda known: list(made(text, known).values()),
        facts,
        id_of=lambda key: str(key).replace(" ", "-"),
    )


def steps(text: str, known: Known) -> Sequence[Any]:
    return plan(list(made(text, known).values()), known.values(), RULES)


def rules(text: str, group: str) -> list[tuple[int, str]]:
    asked = made(text)[Key("security group", f"skytier-{group}")].attributes["rules"]
    return [(port, getattr(remote, "name", remote)) for port, remote in asked]


@pytest.mark.parametrize(
    ("text", "public"),
    [
        (PORT, [WEB]),
        (f"{PORT}web.count = 2", ["skytier-balancer-1"]),
        (f'{PORT}web.count = 2\nbalancer.kind = "none"', [WEB, "skytier-web-2"]),
    ],
)
def test_what_is_public_has_two_ports_and_every_other_machine_the_private_one(
    text: str, public: list[str]
) -> None:
    asked = made(text)
    private = {key.name: each for key, each in asked.items() if key.kind == "port"}
    second = {key.name: each for key, each in asked.items() if key.kind == "public port"}
    servers = {key.name: each for key, each in asked.items() if key.kind == "server"}
    assert list(second) == public
    assert private.keys() == servers.keys()
    network = Key("network", "skytier-network")
    assert {each.attributes["network"] for each in private.values()} == {network}
    assert {each.attributes["network"] for each in second.values()} == {"p"}
    assert not [key for key in asked if key.kind == "floating IP"]
    for name, server in servers.items():
        port = Key("public port", name) if name in public else None
        assert server.creation.get("public_port") == port
        assert (port in server.needs) == (name in public)
        assert bool(server.creation.get("config_drive")) == (name in public)
    known = there(text)
    assert nothing_to_do(steps(text, known))


def test_a_stack_with_a_floating_ip_asks_for_nothing_new() -> None:
    for text in ("", "web.count = 2", 'public = "none"'):
        for key, each in made(text).items():
            assert key.kind != "public port"
            assert key != GROUP
            assert not {"public_port", "config_drive"} & each.creation.keys()
    assert "two ports" not in resolved("").user_data("web", 1)
    assert "networkctl" not in resolved("").user_data("web", 1)


def test_visitors_and_operators_get_in_by_the_public_port_and_machines_by_the_private_one() -> None:
    text = f'{PORT}ssh_from = ["198.51.100.0/24"]\ntls = "self-signed"\n'
    assert set(rules(text, "public")) == {
        (22, "198.51.100.0/24"), (80, "0.0.0.0/0"), (443, "0.0.0.0/0")}  # fmt: skip
    assert not [remote for _, remote in rules(text, "web") if "/" in remote]
    assert (22, "skytier-web") in rules(text, "database")
    asked = made(text)
    ports = {key: each.attributes["security_groups"] for key, each in asked.items()
             if key.kind in ("port", "public port")}  # fmt: skip
    assert ports == {
        Key("port", WEB): [Key("security group", "skytier-web")],
        Key("port", DATABASE): [Key("security group", "skytier-database")],
        Key("public port", WEB): [GROUP],
    }


def test_behind_a_balancer_ssh_goes_on_from_its_private_port() -> None:
    text = f"{PORT}web.count = 2\n"
    assert (22, "skytier-balancer") in rules(text, "web")
    assert not [remote for _, remote in rules(text, "balancer") if remote == "0.0.0.0/0"]
    assert (80, "0.0.0.0/0") in rules(text, "public")


def test_visitors_come_to_the_public_address_and_ssh_enters_by_it() -> None:
    known = there(PORT)
    entry = address_of(parse(PORT))
    assert entry == Key("public port", WEB)
    address = known[entry].facts["address"]
    assert address.startswith("203.0.113.")
    assert EntryPoint(parse(PORT), known).url == f"http://{address}"
    topology = resolved(PORT).topology(known)
    assert topology.public_address == address
    assert all(each.address.startswith("192.168.128.") for each in topology.machines)
    web, database = hosts(known)
    assert (web.name, web.address, web.via) == (WEB, address, None)
    assert (database.name, database.via) == (DATABASE, WEB)


@pytest.mark.parametrize(
    ("text", "routers", "said"),
    [
        (PORT, 1, "The other machines get packages through the router of the stack."),
        (ALONE, 0, "on the network provider, which is used and never changed."),
        (NO_ROUTER, 0, "There is no router: machines without such a port have no way out"),
    ],
)
def test_a_router_is_made_where_a_machine_needs_one(text: str, routers: int, said: str) -> None:
    asked = made(text)
    assert len([key for key in asked if key.kind == "router"]) == routers
    assert parse(text).needs_external_network == bool(routers)
    needs = of_steps(plan(list(asked.values()), [], RULES), FLAVORS)
    assert needs.routers == whole_plan(parse(text), FLAVORS).routers == routers
    assert said in Plan([], resolved(text), "").networks
    # Without a router nobody may answer what a machine asks of the metadata.
    servers = [each for key, each in asked.items() if key.kind == "server"]
    private = [each for each in servers if not each.creation.get("public_port")]
    assert all(bool(each.creation.get("config_drive")) != bool(routers) for each in private)


def test_the_quota_has_the_second_port_and_its_group_in_it() -> None:
    asked = of_steps(plan(list(made(PORT).values()), [], RULES), FLAVORS)
    for needs in (asked, whole_plan(parse(PORT), FLAVORS)):
        assert (needs.ports, needs.security_groups, needs.floating_ips) == (5, 4, 0)
    one = whole_plan(StackFile(), FLAVORS)
    assert whole_plan(parse(PORT), FLAVORS).security_group_rules == one.security_group_rules + 2


def test_an_image_is_baked_where_packages_can_be_found() -> None:
    def builder(text: str) -> Any:
        [image] = [e for key, e in made(text).items() if key.kind == "image"]
        return image.creation["network"]

    baked = "[web]\nimage_baked = true\n"
    assert builder(f"{ALONE}{baked}") == "p"
    assert builder(f"{PORT}{baked}") == Key("network", "skytier-network")


def test_the_machine_with_two_ports_takes_no_way_out_from_the_private_network() -> None:
    def commands(text: str, role: str) -> list[list[str]]:
        document = yaml.safe_load(resolved(text).user_data(role, 1))
        return cast("list[list[str]]", document["bootcmd"])

    web = commands(f'{PORT}cidr = "10.1.2.0/24"\n', "web")
    assert len(web) == 2
    assert "ip -4 -o address show to 10.1.2.0/24" in web[1][-1]
    assert "UseRoutes=no" in web[1][-1]
    assert len(commands(PORT, "database")) == 1
    assert len(commands(f"{PORT}web.count = 2", "web")) == 1
    assert len(commands(f"{PORT}web.count = 2", "balancer")) == 2


def test_the_address_stays_when_its_server_is_replaced() -> None:
    known = there(PORT)
    server = Key("server", WEB)
    known[server] = replace(known[server], fault="it is in ERROR")
    actions = {step.key: step.action for step in steps(PORT, known)}
    assert actions[server] is Action.REPLACE
    assert actions[Key("public port", WEB)] is Action.KEEP
    assert actions[Key("port", WEB)] is Action.KEEP


def torn(known: Known) -> dict[Key, Found]:
    servers = {key: replace(found, id=f"server-{key.name}") if key.kind == "server" else found
               for key, found in known.items()}  # fmt: skip
    return {each.key: each for each in recognised(list(servers.values()), own_network=True)}


def test_a_public_port_that_was_taken_away_is_told_and_brought_back() -> None:
    known = there(PORT)
    web, public = Key("server", WEB), Key("public port", WEB)
    whole = torn(known)
    assert not whole[web].drift
    assert not whole[web].fault
    assert not whole[public].fault
    detached = replace(known[public], facts={**known[public].facts, "device": None})
    found = torn(Known({**known, public: detached}))
    assert found[web].drift == "its public port was detached"
    assert found[web].attributes["interface"] == "detached"
    del known[public]
    found = torn(known)
    assert found[web].fault == "its public port is gone, and its address with it"
    asked = plan(list(made(PORT, Known(found)).values()), found.values(), RULES)
    assert {s.key.kind: s.action for s in asked if s.key.name == WEB}["server"] is Action.REPLACE
    told = {each.kind: each for each in repair.faults(asked, parse(PORT))}
    assert "its DNS name has to follow" in told["public port"].up
    # A server of others that has it is left alone.
    known = there(PORT)
    taken = replace(known[public], facts={**known[public].facts, "device": "other"})
    assert "which is not of this stack" in torn(Known({**known, public: taken}))[public].fault


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (PORT, f"{PORT}web.count = 2", "an address goes with its port"),
        (f"{PORT}web.count = 2", PORT, "an address goes with its port"),
        (PORT, "", "machines keep the ports of their first boot"),
        ("", PORT, "was made without a public port"),
    ],
)
def test_what_would_lose_the_address_is_refused(before: str, after: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        made(after, there(before))


def test_web_servers_with_addresses_of_their_own_come_and_go() -> None:
    several = f'{PORT}web.count = 2\nbalancer.kind = "none"'
    asked = {step.key: step.action for step in steps(several, there(PORT))}
    assert asked[Key("public port", "skytier-web-2")] is Action.CREATE
    assert asked[Key("public port", WEB)] is Action.KEEP
    asked = {step.key: step.action for step in steps(PORT, there(several))}
    assert asked[Key("public port", "skytier-web-2")] is Action.DELETE


def test_another_public_network_is_refused() -> None:
    known = there(PORT)
    port = Key("public port", WEB)
    known[port] = replace(known[port], attributes={**known[port].attributes, "network": "q"})
    with pytest.raises(SkytierError, match="is on another network than provider"):
        made(PORT, known)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('public = "port"', "needs `public_network`"),
        ('public_network = "p"', 'is set, and public is "floating-ip"'),
        (f'{PORT}network = "n"', "a private network of the stack's own"),
        (f'{PORT}floating_ip = "203.0.113.7"', 'public is "port"'),
        ('router = "none"', 'needs public = "port"'),
        (f'{PORT}router = "none"', "the machines of database have no way out"),
        (f"{NO_ROUTER}[web]\ncount = 2", None),
        (f'{PORT}router = "none"\n[database]\nimage = "x"', None),
        (
            f'{NO_ROUTER}[backup]\nkind = "object-store"\nbucket = "shop-b"',
            "the database server has no way out to there",
        ),
        (
            f'{NO_ROUTER}[backup]\nkind = "path"\npath = "/mnt"\n[backup.second]\nkind = "s3"\n'
            'endpoint = "https://s3.example.org"\nbucket = "shop-b"',
            'is "s3", and router is "none"',
        ),
        (f'{NO_ROUTER}[backup]\nkind = "path"\npath = "/mnt"', None),
        (
            f'{NO_ROUTER}web.count = 2\nstorage.bucket = "shop-b"\napplication.serve = "m:app"',
            "no way out to the object store",
        ),
        # The only web server is the one with the public port.
        (f'{NO_ROUTER}storage.bucket = "shop-b"\napplication.serve = "m:app"', None),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, said: str | None) -> None:
    if said is None:
        assert parse(text).has_public_ports
        return
    with pytest.raises(SkytierError, match=said):
        parse(text)


def network(**more: Any) -> SimpleNamespace:
    usual = {"id": "p", "name": "provider", "is_shared": True, "project_id": "admin"}
    return SimpleNamespace(**{**usual, "description": "", **more})


def subnet(cidr: str, *, dhcp: bool = True) -> SimpleNamespace:
    return SimpleNamespace(name=cidr, cidr=cidr, is_dhcp_enabled=dhcp)


def test_the_public_network_takes_ports_and_gives_addresses_of_any_of_its_subnets() -> None:
    there = [subnet("203.0.113.0/24"), subnet("198.51.100.0/24")]
    assert usable(network(), there, parse(PORT)) == PUBLIC
    assert public_network.find(cast(Any, None), StackFile()) is None
    check_takes_ports(network(), "mine")
    check_takes_ports(network(is_shared=False, project_id="mine"), "mine")
    for wrong, said in (
        (network(is_shared=False), "is not shared with this project"),
        (network(description="skytier:stack=other"), "was made for the stack other"),
    ):
        with pytest.raises(SkytierError, match=said):
            check_takes_ports(wrong, "mine")
    for subnets, said in (
        ([], "no IPv4 subnet"),
        ([subnet("203.0.113.0/24", dhcp=False)], "a subnet without DHCP"),
        ([subnet("192.168.0.0/16")], "overlaps"),
    ):
        with pytest.raises(SkytierError, match=said):
            usable(network(), subnets, parse(PORT))


def test_machines_that_get_packages_have_a_way_out_or_the_reason_is_said() -> None:
    inside, outside = GivenRouter("r", "ours"), GivenRouter("r", "ours", "e")
    check_way_out(parse(PORT), None, [EXTERNAL])
    check_way_out(parse(ALONE), None, [])
    check_way_out(parse(NO_ROUTER), None, [])
    check_way_out(parse(f'{PORT}router = "ours"'), outside, [])
    check_way_out(parse('public = "none"\nrouter = "ours"'), inside, [])
    with pytest.raises(SkytierError, match="no external network") as refused:
        check_way_out(parse(PORT), None, [])
    assert 'router = "none"' in str(refused.value.do)
    with pytest.raises(SkytierError, match="has no gateway"):
        check_way_out(parse(f'{PORT}router = "ours"'), inside, [])


def test_a_public_port_is_told_from_the_private_one_by_its_description() -> None:
    def port(description: str) -> SimpleNamespace:
        return SimpleNamespace(
            id=description,
            name=WEB,
            description=description,
            fixed_ips=[],
            network_id="n",
            security_group_ids=[],
            tags=[],
            mac_address="m",
            device_id="",
            allowed_address_pairs=[],
            created_at="",
        )

    project = Project(cast(Any, SimpleNamespace(network=None)), "skytier")
    listed = [port(d) for d in (project.mark, project.on_router, project.on_public_network)]
    [private], [public] = (list(kind(project).among(listed)) for kind in (Port, PublicPort))
    assert (private.key, private.id) == (Key("port", WEB), project.mark)
    assert (public.key, public.id) == (Key("public port", WEB), project.on_public_network)


def test_nova_is_asked_for_the_public_interface_first_and_the_settings_on_a_drive() -> None:
    asked: dict[str, Any] = {}

    def create_server(**body: Any) -> SimpleNamespace:
        asked.update(body)
        return SimpleNamespace(id="s")

    compute = SimpleNamespace(create_server=create_server)
    project = Project(cast(Any, SimpleNamespace(compute=compute)), "skytier")
    known = Known({key: found for key, found in there(PORT).items() if "port" in key.kind})
    server = made(PORT)[Key("server", WEB)]
    creation = {**server.creation, "key_name": "k", "image_id": "i"}
    Server(project).create(replace(server, creation=creation), known)
    public, private = known[Key("public port", WEB)].id, known[Key("port", WEB)].id
    assert asked["networks"] == [{"port": public}, {"port": private}]
    assert asked["has_config_drive"] is True
    assert asked["metadata"][PUBLIC_PORT] == public
    database = made(PORT)[Key("server", DATABASE)]
    asked.clear()
    Server(project).create(
        replace(database, creation={**database.creation, "key_name": "k"}), known
    )
    assert len(asked["networks"]) == 1
    assert "has_config_drive" not in asked
    assert PUBLIC_PORT not in asked["metadata"]


def test_nothing_is_said_of_a_network_that_only_what_is_public_is_on() -> None:
    assert [each.key for each in exposures(parse(PORT))] == ["tls", "ssh_from"]
    assert bill.of_file(parse(PORT), ROLES, FLAVORS)
