"""IPv6 beside IPv4: what is made for it, what is asked of Neutron, and where visitors come in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier import health
from skytier.cli.on_cloud.changes import in_words
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Change, Step, nothing_to_do, plan
from skytier.doctor import cloud as doctor
from skytier.doctor.check import State
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.health import Answer
from skytier.openstack import entry_point
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork, Subnet, choose_ipv6
from skytier.openstack.choices.given_router import GivenRouter
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.ipv6 import Pool, choose, offered
from skytier.openstack.entry_point import EntryPoint
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.router import Router
from skytier.openstack.resources.router_interface import RouterInterface
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.subnet import Subnet as SubnetKind
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.stackfile.exposure import exposures
from tests.applications import NOTHING

from .brought_up import brought_up

PREFIX, ADDRESS = "2001:db8:1::/64", "2001:db8:1::7"
IPV4 = parse("")
BOTH = parse(f'ipv6 = true\nipv6_cidr = "{PREFIX}"')
FROM_POOL = parse("ipv6 = true")
POOL = Pool("v6", "public-v6", default=True)
PUBLIC = ExternalNetwork("p", "public")
ROUTER = GivenRouter("r", "ours", "p", has_ipv6=True)
FLAVORS = dict.fromkeys(
    ("web", "database", "balancer", "monitor"), Flavor("1", "m1.small", 2, 4096, 20)
)
PROJECT = Project(cast(Any, None), "skytier")
SUBNET, INTERFACE = (
    Key("subnet", "skytier-subnet-ipv6"),
    Key("router interface", "skytier-router-interface-ipv6"),
)
WEB = Key("port", "skytier-web-1")


def resolved(stack: StackFile, pool: Pool | None = POOL) -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    given = None
    if stack.network:
        there = Subnet("s4", "four", "203.0.113.0/24")
        given = GivenNetwork("n", stack.network, there, ipv6=Subnet("s6", "six", PREFIX))
    choices = Choices(
        *(images, FLAVORS, PUBLIC),
        given=given,
        router=ROUTER if stack.router else None,
        pool=None if stack.ipv6_cidr else pool,
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def made(stack: StackFile, known: Known | None = None, pool: Pool | None = POOL) -> list[Wanted]:
    return wanted(resolved(stack, pool), PROJECT, "ssh-ed25519 key", known or Known())


def there(stack: StackFile) -> Known:
    return brought_up(
        lambda known: made(stack, known),
        lambda number, each: {
            "address": f"192.168.128.{number + 2}",
            "ipv6": f"2001:db8:1::{number}" if each.attributes.get("ipv6") else None,
            "data": "",
            "role": each.creation.get("role", ""),
        },
    )


def steps(stack: StackFile, known: Known) -> dict[Key, Step]:
    return {step.key: step for step in plan(made(stack, known), known.values(), RULES)}


def test_the_private_network_has_two_subnets_and_every_port_an_address_of_both() -> None:
    by_key = {each.key: each for each in made(BOTH)}
    assert by_key[SUBNET].attributes["cidr"] == PREFIX
    subnets = [Key("subnet", "skytier-subnet"), SUBNET]
    assert by_key[Key("router", "skytier-router")].attributes["subnets"] == subnets
    ports = [each for each in by_key.values() if each.key.kind == "port"]
    assert all(each.attributes["ipv6"] and SUBNET in each.needs for each in ports)
    assert len(ports) == 2
    known = there(BOTH)
    assert nothing_to_do(plan(made(BOTH, known), known.values(), RULES))


@pytest.mark.parametrize("text", ["", 'router = "ours"', 'network = "n"\npublic = "fixed"'])
def test_a_stack_without_it_wants_nothing_of_it(text: str) -> None:
    for each in made(parse(text)):
        assert "ipv6" not in str(each.key)
        assert not each.attributes.get("ipv6")
        assert not each.creation.get("ipv6")
        assert "::/0" not in str(each.attributes.get("rules"))


def test_everybody_comes_by_both_and_operators_from_where_the_stack_file_says() -> None:
    networks = 'ssh_from = ["198.51.100.0/24", "2001:db8:9::/48"]\napi_from = ["2001:db8:8::1"]\n'
    stack = parse(f"{networks}ipv6 = true")
    rules = {each.key.name: each.attributes.get("rules") for each in made(stack)}
    of_web = {(port, str(remote)) for port, remote in rules["skytier-web"]}
    assert of_web >= {
        *((port, network) for port in (80, 443) for network in ("0.0.0.0/0", "::/0")),
        *((22, network) for network in ("198.51.100.0/24", "2001:db8:9::/48")),
        (8000, "2001:db8:8::1/128"),
    }
    # Machines reach each other by IPv4 alone.
    assert not any(":" in str(remote) for _, remote in rules["skytier-database"])
    open_by_ipv6 = parse('ipv6 = true\nssh_from = ["10.0.0.0/8", "::/0"]')
    assert [each.key for each in exposures(open_by_ipv6)] == ["tls", "ssh_from"]


def test_it_is_set_for_a_running_stack_and_taken_out_again() -> None:
    known = there(IPV4)
    for key, found in known.items():
        if key.kind == "port":  # as Neutron says it of each
            known[key] = replace(found, attributes={**found.attributes, "ipv6": False})
    on = steps(BOTH, known)
    assert on[SUBNET].action is Action.CREATE
    assert on[WEB].action is Action.CHANGE
    assert SUBNET in on[WEB].needs
    assert {on[key].action for key in on if key.kind == "server"} == {Action.KEEP}

    off = steps(IPV4, there(BOTH))
    assert off[SUBNET].action is Action.DELETE
    # The router lets go of it before.
    assert Key("router", "skytier-router") in off[SUBNET].after
    assert {off[key].action for key in off if key.kind in ("server", "port")} == {Action.KEEP}


def test_other_addresses_are_refused_with_the_way_to_get_them() -> None:
    other = parse('ipv6 = true\nipv6_cidr = "2001:db8:2::/64"')
    step = steps(other, there(BOTH))[SUBNET]
    assert step.loses == "the IPv6 addresses of all machines"
    assert step.wanted
    assert "take ipv6 out of the stack file" in step.wanted.outlived


def test_what_a_pool_gave_stays_also_where_the_pool_does_not() -> None:
    new = next(each for each in made(FROM_POOL) if each.key == SUBNET)
    assert (new.attributes["cidr"], new.creation["pool"]) == ("", "v6")
    known = there(FROM_POOL)
    known[SUBNET] = replace(
        known[SUBNET], attributes={**known[SUBNET].attributes, "cidr": "2001:db8:5::/64"}
    )
    for pool in (POOL, None):
        assert nothing_to_do(plan(made(FROM_POOL, known, pool), known.values(), RULES))
    with pytest.raises(SkytierError, match="no default subnet pool") as error:
        made(FROM_POOL, pool=None)
    assert "ipv6_cidr" in str(error.value.do)


POOLS: dict[str, tuple[str, list[Pool], str | None]] = {
    "the default one": ("", [Pool("a", "a"), POOL], "v6"),
    "none": ("", [Pool("a", "a")], None),
    "by name": ('ipv6_pool = "a"', [Pool("1", "a"), POOL], "1"),
    "by id": ('ipv6_pool = "1"', [Pool("1", "a"), POOL], "1"),
}


@pytest.mark.parametrize("case", POOLS)
def test_the_pool_is_the_named_one_or_the_default(case: str) -> None:
    text, pools, expected = POOLS[case]
    found = choose(pools, parse(f"ipv6 = true\n{text}"))
    assert (found.id if found else None) == expected


def test_a_pool_that_cannot_be_meant_is_said() -> None:
    stack = parse('ipv6 = true\nipv6_pool = "x"')
    with pytest.raises(SkytierError, match=r"sees no subnet pool 'x' .* It sees public-v6"):
        choose([POOL], stack)
    with pytest.raises(SkytierError, match="Several subnet pools are called 'x': 1, 2"):
        choose([Pool("1", "x"), Pool("2", "x")], stack)


def test_pools_are_asked_for_where_one_is_needed_and_only_those_that_give_64_bits_count() -> None:
    def pool(name: str, smallest: int, largest: int) -> SimpleNamespace:
        return SimpleNamespace(
            id=name, name=name, is_default=False,
            minimum_prefix_length=smallest, maximum_prefix_length=largest,
        )  # fmt: skip

    asked = list[object]()

    def pools(**query: object) -> list[SimpleNamespace]:
        asked.append(query)
        return [pool("good", 56, 64), pool("narrow", 65, 128), pool("wide", 32, 56)]

    conn = cast(Any, SimpleNamespace(network=SimpleNamespace(subnet_pools=pools)))
    assert [each.id for each in offered(conn, FROM_POOL)] == ["good"]
    for stack in (IPV4, BOTH, parse('ipv6 = true\nnetwork = "n"')):
        assert offered(conn, stack) == []
    assert asked == [{"ip_version": 6}]


def test_on_a_router_that_is_there_the_subnet_has_an_interface_of_its_own() -> None:
    stack = parse(f'router = "ours"\nipv6 = true\nipv6_cidr = "{PREFIX}"')
    by_key = {each.key: each for each in made(stack)}
    assert by_key[INTERFACE].attributes["subnet"] == SUBNET
    assert INTERFACE in by_key[Key("server", "skytier-web-1")].needs
    known = there(stack)
    assert nothing_to_do(plan(made(stack, known), known.values(), RULES))


def test_on_a_network_that_is_there_nothing_is_made_for_it() -> None:
    stack = parse('network = "n"\npublic = "fixed"\nipv6 = true')
    by_key = {each.key: each for each in made(stack)}
    assert not {key.kind for key in by_key} & {"network", "subnet", "router", "router interface"}
    port = by_key[WEB]
    assert port.attributes["ipv6"]
    assert (port.creation["subnet"], port.creation["ipv6_subnet"]) == ("s4", "s6")


def test_a_network_that_is_there_has_to_give_addresses_by_itself() -> None:
    def subnet(cidr: str, mode: str | None) -> SimpleNamespace:
        return SimpleNamespace(id=cidr, name=cidr, cidr=cidr, ipv6_address_mode=mode)

    slaac, stateful = subnet(PREFIX, "slaac"), subnet("2001:db8:2::/64", "dhcpv6-stateful")
    assert choose_ipv6([stateful, slaac], "n").cidr == PREFIX
    with pytest.raises(SkytierError, match="Its IPv6 subnets: 2001:db8:2::/64"):
        choose_ipv6([stateful], "n")
    with pytest.raises(SkytierError, match="Its IPv6 subnets: none"):
        choose_ipv6([], "n")


def test_the_quota_has_a_subnet_and_the_router_s_second_port_in_it() -> None:
    for needs in (
        lambda stack: whole_plan(stack, FLAVORS),
        lambda stack: of_steps(plan(made(stack), [], RULES), FLAVORS),
    ):
        less, more = needs(IPV4), needs(BOTH)
        assert (more.subnets - less.subnets, more.ports - less.ports) == (1, 1)
        # Ports 80 and 443 once more.
        assert more.security_group_rules - less.security_group_rules == 2


SENTENCES: dict[str, tuple[str, str]] = {
    "a prefix": (f'ipv6 = true\nipv6_cidr = "{PREFIX}"', f"Each machine has .*, of {PREFIX}, and"),
    "a pool": ("ipv6 = true", "of a network of the pool public-v6, and security groups alone"),
    "a network": ('ipv6 = true\nnetwork = "n"', f"never changed. Each machine has .* of {PREFIX}"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_a_plan_says_what_addresses_machines_have(case: str) -> None:
    text, said = SENTENCES[case]
    stack = parse(text)
    planned = Plan(plan(made(stack), [], RULES), resolved(stack), "")
    assert re.search(said, planned.networks)


def test_a_plan_says_that_a_router_has_no_way_out() -> None:
    stack = parse(f'router = "ours"\nipv6 = true\nipv6_cidr = "{PREFIX}"')
    one = resolved(stack)
    without = replace(one, choices=replace(one.choices, router=replace(ROUTER, has_ipv6=False)))
    assert "ours has no way to the outside by IPv6" not in Plan([], one, "").networks
    assert "ours has no way to the outside by IPv6" in Plan([], without, "").networks


def test_a_plan_says_where_a_prefix_of_one_s_own_has_to_be_led() -> None:
    known = there(IPV4)
    router = Key("router", "skytier-router")
    known[router] = replace(known[router], facts={"ipv6": "2001:db8::9"})
    planned = Plan(plan(made(BOTH, known), known.values(), RULES), resolved(BOTH), "")
    assert "Its router, 2001:db8::9, has to be where that network is led." in planned.networks


def test_a_plan_says_which_ipv6_address_is_no_more_that_of_the_page() -> None:
    known = there(BOTH)
    old = known[Key("port", "skytier-web-1")].facts["ipv6"]
    several = parse(f'ipv6 = true\nipv6_cidr = "{PREFIX}"\nweb.count = 2')
    planned = Plan(plan(made(several, known), known.values(), RULES), resolved(several), "")
    assert f"Its address is another one than {old}, " in planned.networks


# What is asked of Neutron.


class Neutron:
    """What was asked of it; `answer` is the resource that it has."""

    def __init__(self, **answer: Any) -> None:
        self.asked = list[tuple[str, dict[str, Any]]]()
        self.answer = answer

    def __getattr__(self, name: str) -> Callable[..., SimpleNamespace]:
        def ask(*_: object, **body: Any) -> SimpleNamespace:
            if body:
                self.asked.append((name, body))
                fixed = body.get("fixed_ips", self.answer.get("fixed_ips") or [])
                self.answer["fixed_ips"] = [{"ip_address": ADDRESS, **each} for each in fixed]
            return SimpleNamespace(**self.answer)

        return ask

    @property
    def project(self) -> Project:
        return Project(cast(Any, SimpleNamespace(network=self, current_project_id="p")), "skytier")


_SUBNET: dict[str, Any] = {
    "id": "s",
    "name": SUBNET.name,
    "network_id": "n",
    "cidr": PREFIX,
    "dns_nameservers": [],
    "tags": PROJECT.tags,
    "created_at": "",
}


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (BOTH, {"cidr": PREFIX, "gateway_ip": "2001:db8:1::1"}),
        (FROM_POOL, {"subnet_pool_id": "v6", "prefix_length": 64}),
    ],
    ids=["a prefix", "a pool"],
)
def test_in_its_subnet_machines_make_their_addresses_themselves(
    stack: StackFile, expected: Mapping[str, Any]
) -> None:
    neutron, asked = Neutron(**_SUBNET), next(w for w in made(stack) if w.key == SUBNET)

    SubnetKind(neutron.project).create(asked, Known())

    [(call, body)] = neutron.asked
    slaac = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    assert call == "create_subnet"
    assert {**body, **slaac, **expected} == body
    assert ("gateway_ip" in body) == ("gateway_ip" in expected)


def test_an_address_that_somebody_took_from_a_port_is_given_back() -> None:
    four, six = {"subnet_id": "s4", "ip_address": "192.168.128.4"}, {"subnet_id": "s"}
    neutron = Neutron(
        id="id", name=WEB.name, network_id="n", security_group_ids=[], fixed_ips=[four],
        tags=PROJECT.tags, mac_address="m", device_id="", created_at="", allowed_address_pairs=[],
    )  # fmt: skip
    asked = next(each for each in made(BOTH) if each.key == WEB)
    asked = replace(asked, attributes={**asked.attributes, "security_groups": []})
    known = Known({SUBNET: Found(SUBNET, "s", {})})

    for _ in range(2):
        found = Port(neutron.project).reconcile(
            *(asked, Found(WEB, "id", {}), known), lambda text: None
        )
        assert found.attributes["ipv6"]
        assert (found.facts["address"], found.facts["ipv6"]) == ("192.168.128.4", ADDRESS)
    assert neutron.asked == [("update_port", {"fixed_ips": [four, six]})]


@pytest.mark.parametrize("name", ["router-interface", "router-interface-ipv6"])
@pytest.mark.parametrize("ipv6", [True, False], ids=["both", "IPv4"])
def test_a_router_s_interface_gets_no_address_but_that_of_the_gateway(
    name: str, ipv6: bool
) -> None:
    neutron = Neutron(
        id="i", name=name, network_id="n", gateway_ip="2001:db8:1::1",
        tags=[], device_id="", fixed_ips=[], created_at="",
    )  # fmt: skip
    more = f'ipv6 = true\nipv6_cidr = "{PREFIX}"' if ipv6 else ""
    by_key = {each.key: each for each in made(parse(f'router = "ours"\n{more}'))}
    asked = by_key.get(Key(INTERFACE.kind, f"skytier-{name}"))
    known = Known({key: Found(key, "s", {}) for key in (SUBNET, Key("subnet", "skytier-subnet"))})

    if asked:
        RouterInterface(neutron.project).create(asked, known)

    owners = [body.get("device_owner") for _, body in neutron.asked]
    expected = ["network:router_interface"] if ipv6 else [None]
    assert owners == (expected if asked else [])


def _rule(**said: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("remote_group_id", "remote_ip_prefix", "port_range_min", "port_range_max", "protocol")
    )
    return {"id": "r", "direction": "ingress", "ethertype": "IPv6", **nothing, **said}


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "tcp", "port_range_min": port, "port_range_max": port}


RULE: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "everybody": (_tcp(80), [80, "::/0"]),
    "a network": ({**_tcp(22), "remote_ip_prefix": PREFIX}, [22, PREFIX]),
    "a group, which is none of ours": (
        {**_tcp(80), "remote_group_id": "g"},
        ["IPv6 tcp 80-80", "g"],
    ),
    "something else": ({}, ["IPv6 any None-None", "::/0"]),
}


@pytest.mark.parametrize("case", RULE)
def test_rules_are_told_by_their_network(case: str) -> None:
    rule, told = RULE[case]
    group = SimpleNamespace(
        id="g", name="skytier-web", tags=[], created_at="", security_group_rules=[_rule(**rule)]
    )
    listed = SimpleNamespace(security_groups=lambda **_: [group])
    connection = cast(Any, SimpleNamespace(network=listed, current_project_id="p"))
    [found] = SecurityGroup(Project(connection, "skytier")).find()
    assert found.attributes["rules"] == [told]


def test_a_rule_of_an_ipv6_network_is_made_for_ipv6() -> None:
    neutron = SimpleNamespace(made=list[dict[str, Any]]())
    group = SimpleNamespace(
        id="g", name="skytier-web", tags=PROJECT.tags, created_at="", security_group_rules=[]
    )
    neutron.get_security_group = lambda _: group
    neutron.create_security_group_rules = neutron.made.extend
    connection = cast(Any, SimpleNamespace(network=neutron, current_project_id="p"))
    key = Key("security group", "skytier-web")
    asked = Wanted(key, {"rules": [[80, "0.0.0.0/0"], [80, "::/0"]], "tags": PROJECT.tags})

    kind = SecurityGroup(Project(connection, "skytier"))
    kind.reconcile(asked, Found(key, "g", {}), Known(), lambda text: None)

    versions = {rule["remote_ip_prefix"]: rule["ethertype"] for rule in neutron.made}
    assert versions == {"0.0.0.0/0": "IPv4", "::/0": "IPv6"}


def test_a_change_of_rules_is_told_in_words() -> None:
    before, after = [[80, "0.0.0.0/0"]], [[80, "0.0.0.0/0"], [80, "::/0"]]
    key = Key("security group", "skytier-web")
    step = Step(
        *(Action.CHANGE, key, ""), wanted=Wanted(key, {"rules": after}),
        changes=(Change("rules", before, after),),
    )  # fmt: skip
    assert in_words(step, {}) == ["rules: + 80 from anywhere by IPv6"]


@pytest.mark.parametrize(
    ("addresses", "ipv6"),
    [(["172.24.4.9"], None), (["172.24.4.9", "2001:db8::9"], "2001:db8::9")],
    ids=["IPv4", "both"],
)
def test_a_router_tells_whether_it_has_a_way_out(addresses: list[str], ipv6: str | None) -> None:
    fixed = [{"ip_address": address} for address in addresses]
    router = SimpleNamespace(
        id="r", name="skytier-router", tags=[], created_at="",
        external_gateway_info={"network_id": "p", "external_fixed_ips": fixed},
    )  # fmt: skip
    listed = SimpleNamespace(routers=lambda **_: [router], ports=lambda **_: [])
    connection = cast(Any, SimpleNamespace(network=listed, current_project_id="p"))
    [found] = Router(Project(connection, "skytier")).find()
    assert found.facts["ipv6"] == ipv6


# Where visitors come in.


def entry(text: str, gateway: str | None = "2001:db8::9") -> EntryPoint:
    keys = {
        WEB: {"address": "192.168.128.4", "ipv6": ADDRESS},
        Key("floating IP", WEB.name): {"address": "203.0.113.7"},
        Key("router", "skytier-router"): {"ipv6": gateway},
    }
    return EntryPoint(parse(text), {key: Found(key, "", {}, facts) for key, facts in keys.items()})


def test_the_address_by_ipv6_is_that_of_the_machine() -> None:
    assert entry("ipv6 = true").ipv6_url == f"http://[{ADDRESS}]"
    assert entry('ipv6 = true\ntls = "self-signed"').ipv6_url == f"https://[{ADDRESS}]"
    assert entry("").ipv6_url == ""
    assert entry("").ask_by_ipv6() == ""


@pytest.mark.parametrize(
    ("gateway", "has_way", "answers", "said"),
    [
        (None, True, True, "has given the router no IPv6 address"),
        ("2001:db8::9", False, False, ""),
        ("2001:db8::9", True, True, ""),
        ("2001:db8::9", True, False, "does not answer from here. .* to the router, 2001:db8::9?"),
    ],
    ids=["no way out", "no IPv6 here", "well", "the prefix leads nowhere"],
)
def test_what_keeps_visitors_out_by_ipv6_is_said(
    monkeypatch: pytest.MonkeyPatch, gateway: str | None, has_way: bool, answers: bool, said: str
) -> None:
    asked = list[str]()

    def ask(url: str, **_: Any) -> Answer:
        asked.append(url)
        return Answer(200 if answers else None, "")

    monkeypatch.setattr(entry_point, "_has_way_to", lambda url: has_way)
    monkeypatch.setattr(health, "ask", ask)
    wrong = entry("ipv6 = true", gateway).ask_by_ipv6()
    assert re.search(said, wrong)
    assert bool(wrong) == bool(said)
    assert asked == ([f"http://[{ADDRESS}]/health"] if gateway and has_way else [])


def test_a_name_needs_two_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ask", lambda *_, **__: Answer(None, ""))
    monkeypatch.setattr(entry_point, "_addresses", lambda name: set())
    acme = 'tls = "acme"\ndomain = "shop.example.org"\nemail = "a@example.org"\n'
    assert entry(f"{acme}ipv6 = true").waits_for() == (
        f"waiting for DNS: point shop.example.org to 203.0.113.7 (A) and {ADDRESS} (AAAA)"
    )
    assert entry(acme).waits_for() == "waiting for DNS: point shop.example.org to 203.0.113.7"


# What the doctor says.

EXTERNAL = SimpleNamespace(id="p", name="public", is_default=True, is_router_external=True)
_GIVEN = GivenNetwork("n", "n", Subnet("s4", "four", "203.0.113.0/24"), 1, Subnet("s", "x", PREFIX))
EXAMINED: dict[str, tuple[str, dict[str, Any], State, str]] = {
    "a prefix and IPv6 outside": (
        f'ipv6_cidr = "{PREFIX}"', {"outside": 1},
        State.OK, f"addresses of {PREFIX}, through public, which has IPv6"),
    "a prefix, and nobody knows": (
        f'ipv6_cidr = "{PREFIX}"', {}, State.OK, f"of {PREFIX}; the project sees no IPv6 of"),
    "a pool": ("", {"pools": 1}, State.OK, "addresses of the pool default"),
    "no pool": ("", {}, State.FAILED, "no default subnet pool"),
    "no pool any more": ("", {"own": 1}, State.OK, "addresses of the stack"),
    "a network": ('network = "n"', {}, State.OK, f"addresses of {PREFIX}, the subnet x"),
    "a router": (f'router = "r"\nipv6_cidr = "{PREFIX}"', {}, State.OK, "through the router ours"),
    "a router without": (
        f'router = "r"\nipv6_cidr = "{PREFIX}"', {"router": replace(ROUTER, has_ipv6=False)},
        State.WARNING, "has given the router ours no IPv6 address"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXAMINED)
def test_the_doctor_says_where_addresses_come_from_and_lead_to(case: str) -> None:
    text, there, state, said = EXAMINED[case]
    pool = SimpleNamespace(
        id="v6", name="default", is_default=True,
        minimum_prefix_length=64, maximum_prefix_length=128,
    )  # fmt: skip

    def subnets(**query: Any) -> list[int]:
        return [1] * there.get("outside" if "network_id" in query else "own", 0)

    network = SimpleNamespace(
        networks=lambda **_: [EXTERNAL],
        subnet_pools=lambda **_: [pool] * there.get("pools", 0),
        subnets=subnets,
    )
    subject = Subject(parse(f"ipv6 = true\n{text}"), "c")
    subject.__dict__["conn"] = SimpleNamespace(network=network, current_project_id="p")
    subject.__dict__["given"] = _GIVEN if subject.stack.network else None
    router = there.get("router", ROUTER)
    subject.__dict__["router"] = router if subject.stack.router else None

    finding = doctor.ipv6(subject)

    assert (finding.state, said in finding.said) == (state, True), finding.said
    assert bool(finding.do) == (state is not State.OK)
