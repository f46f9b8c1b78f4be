"""Two balancers that share one address, as steps of plans, and what they are asked."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier import roles
from skytier.costs.bill import of_file
from skytier.costs.usage import ResourceKind
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do
from skytier.deploy.update import CONFIGURATION, RELEASE, SERVER
from skytier.doctor import cloud as doctor
from skytier.doctor.check import State
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.openstack.choices import address_pairs
from skytier.openstack.choices.given_network import GivenNetwork, Subnet
from skytier.openstack.commands.status import with_address
from skytier.openstack.entry_point import address_of, another_address
from skytier.openstack.machines import balancer
from skytier.openstack.machines.access import hosts
from skytier.openstack.machines.handing_over import BalancerServers
from skytier.openstack.machines.operator import Way
from skytier.openstack.plan import torn
from skytier.openstack.plan.carried_certificate import carry
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.repair import faults
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.virtual_port import VirtualPort
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.status import ServiceStatus
from skytier.topology import VRRP, IngressRule
from tests.tool.test_balancer_gate import Machines
from tests.tool.test_moves import carried_out
from tests.tool.test_order import SMALL, before, other, planned, resolved, there

FIRST, SECOND = "skytier-balancer-1", "skytier-balancer-2"
ENTRY = Key("floating IP", "skytier-balancer")
SHARED = Key("virtual port", "skytier-balancer")
BY_SSH = [Key("floating IP", f"{name}-ssh") for name in (FIRST, SECOND)]
IMAGE = "web.image = 'debian-12'\nbalancer.image = 'debian-12'\n"
TWO = parse(f"web.count = 2\nbalancer.count = 2\n{IMAGE}")
ONE = parse(f"web.count = 2\n{IMAGE}")
NONE = parse(IMAGE)
WITHOUT = 'public = "none"\n'


def found_of(stack: StackFile, then: StackFile) -> dict[Key, Found]:
    """What is there once a stack is up, as a run of another one finds it."""
    found = there(stack)
    entry = {address_of(stack): address_of(then)} if stack.has_floating_ips else {}
    return {
        entry.get(key, key): replace(each, key=entry.get(key, key)) for key, each in found.items()
    }


def of(steps: list[Step], key: Key) -> Step:
    (step,) = [each for each in steps if each.key == key]
    return step


def test_two_balancers_come_with_an_address_that_both_may_use() -> None:
    steps = planned(TWO, {})
    port = of(steps, SHARED).wanted
    assert port
    assert port.attributes["security_groups"] == []
    for name in (FIRST, SECOND):
        own = of(steps, Key("port", name)).wanted
        assert own
        assert own.attributes["address_pairs"] == [SHARED]
        assert SHARED in own.needs
        configuration = of(steps, Key(CONFIGURATION, name)).wanted
        assert configuration
        assert SHARED in configuration.needs
    for key, leads_to in [
        (ENTRY, SHARED),
        *zip(BY_SSH, (Key("port", n) for n in (FIRST, SECOND)), strict=True),
    ]:
        wanted = of(steps, key).wanted
        assert wanted
        assert wanted.attributes["port"] == leads_to
    # Visitors come to what nobody has yet, and operators to a machine.
    assert BY_SSH[0] in before(steps, Key(CONFIGURATION, "skytier-database-1"))
    assert ENTRY not in before(steps, Key(CONFIGURATION, "skytier-database-1"))


def test_a_second_plan_of_two_balancers_is_empty() -> None:
    found = there(TWO)
    assert nothing_to_do(planned(TWO, found))
    bare = found[Key("port", FIRST)]
    drifted = {**found, bare.key: other(bare, address_pairs=[])}
    step = of(planned(TWO, drifted), bare.key)
    assert (step.action, step.reason) == (Action.CHANGE, "address_pairs changed")


def test_only_balancers_may_reach_each_other_by_vrrp() -> None:
    rules = roles.ingress_rules(TWO)
    assert [rule for rule in rules["balancer"] if rule.port == VRRP] == [
        IngressRule(VRRP, "balancer")
    ]
    assert all(rule.port != VRRP for name in rules for rule in rules[name] if name != "balancer")
    assert all(rule.port != VRRP for rule in roles.ingress_rules(ONE)["balancer"])


def test_balancers_are_changed_one_after_the_other() -> None:
    found = there(TWO)
    for kind in (CONFIGURATION, SERVER):
        for name in (FIRST, SECOND):
            key = Key(kind, name)
            found[key] = other(
                found[key], **({"image": "debian-11"} if kind == SERVER else {"fingerprint": "old"})
            )
    steps = planned(TWO, found)
    assert {Key(CONFIGURATION, FIRST), Key(SERVER, FIRST)} <= before(steps, Key(SERVER, SECOND))
    assert Key(SERVER, SECOND) not in before(steps, Key(SERVER, FIRST))
    # One that is broken comes first: the other one serves meanwhile.
    found[Key(SERVER, SECOND)] = replace(found[Key(SERVER, SECOND)], fault="it is in ERROR")
    steps = planned(TWO, found)
    assert Key(CONFIGURATION, SECOND) in before(steps, Key(SERVER, FIRST))


def test_operators_come_by_the_other_one_where_the_first_is_lost() -> None:
    found = {
        key: replace(each, id=each.id.replace(" ", "-")) if key.kind == "server" else each
        for key, each in there(TWO).items()
    }
    server = Key(SERVER, FIRST)
    assert {e.via for e in hosts(found) if e.via} == {FIRST}
    for lost in (
        other(found[server], power="shutoff"),
        replace(found[server], fault="it is in ERROR"),
    ):
        entries = hosts({**found, server: lost})
        assert {each.via for each in entries if each.via} == {SECOND}
        assert {each.name for each in entries if not each.via} == {FIRST, SECOND}
        # So nothing waits for it but what is done to it.
        steps = planned(
            TWO,
            {
                **found,
                server: lost,
                Key("release", "skytier-web-1"): other(
                    found[Key("release", "skytier-web-1")], release="0"
                ),
            },
        )
        assert server not in before(steps, Key(RELEASE, "skytier-web-1"))


@pytest.mark.parametrize(
    ("was", "then"),
    [(ONE, TWO), (TWO, ONE), (NONE, TWO), (TWO, NONE)],
    ids=["a second comes", "a second goes", "two come", "two go"],
)
def test_the_address_of_visitors_stays(was: StackFile, then: StackFile) -> None:
    found = found_of(was, then)
    steps = planned(then, found)
    entry = address_of(then)
    move = of(steps, entry)
    assert move.action is Action.CHANGE
    assert move.reason.startswith("it moves: requests that are being answered end")
    assert another_address(then, found) == ""
    done = before(steps, entry)
    machines = {step.key.name for step in steps if step.wanted and step.key.kind == SERVER}
    assert {Key(CONFIGURATION, name) for name in machines} <= done
    # Nobody is entered by an address that is still to move, and nothing that leads to visitors goes
    # before it has moved.
    for step in steps:
        if step.key.kind in (CONFIGURATION, RELEASE) and step.action is not Action.DELETE:
            assert entry not in before(steps, step.key)
        if step.action is Action.DELETE:
            assert entry in step.after
    # Until then operators come in as before: to all machines that stay, and that visitors come to.
    servers = {key: each for key, each in found.items() if key.kind == SERVER}
    known = Plan(steps, resolved(then), "ssh-ed25519 key").known
    words = {key: replace(each, id=each.id.replace(" ", "-")) for key, each in servers.items()}
    needed = {*machines, FIRST, SECOND} & {key.name for key in servers}
    assert {each.name for each in hosts({**known, **words})} >= needed
    if was is TWO:
        assert of(steps, SHARED).action is Action.KEEP
    if was is TWO and then is ONE:
        assert of(steps, Key("port", FIRST)).action is Action.KEEP
        assert [VRRP, Key("security group", "skytier-balancer")] in (
            of(steps, Key("security group", "skytier-balancer")).wanted or pytest.fail("gone")
        ).attributes["rules"]

    after = carried_out(steps, found)
    closing = planned(then, after)
    if was is TWO:
        assert of(closing, SHARED).action is Action.DELETE
    assert nothing_to_do(planned(then, carried_out(closing, after)))


def test_a_floating_ip_of_a_balancer_s_own_waits_until_the_other_one_has_moved() -> None:
    steps = planned(TWO, found_of(ONE, TWO))
    assert ENTRY in before(steps, BY_SSH[0])
    assert ENTRY not in before(steps, BY_SSH[1])


def test_the_web_servers_believe_both_balancers_until_these_are_gone() -> None:
    found = found_of(TWO, NONE)
    known = Plan(planned(NONE, found), resolved(NONE), "ssh-ed25519 key").known
    topology = resolved(NONE).topology(known)
    assert [each.name for each in topology.leaving] == [FIRST, SECOND]
    assert Key("security group", "skytier-balancer") in known


def test_without_floating_ips_the_virtual_address_is_the_entry_point() -> None:
    two, one = (parse(f"{WITHOUT}web.count = 2\nbalancer.count = {n}\n{IMAGE}") for n in (2, 1))
    found = there(two)
    assert address_of(two) == SHARED
    assert nothing_to_do(planned(two, found))
    assert {key.kind for key in found}.isdisjoint({"floating IP"})
    way = Way(FIRST, "", "balancer")
    words = {
        key: replace(each, id=each.id.replace(" ", "-")) if key.kind == "server" else each
        for key, each in found.items()
    }
    assert [each.name for each in hosts(words, way) if not each.via] == [FIRST, SECOND]
    assert "The entry point becomes skytier-balancer, in the place of skytier-balancer-1" in (
        another_address(two, there(one))
    )
    assert "becomes skytier-balancer-1, in the place of skytier-balancer." in (
        another_address(one, found)
    )
    assert another_address(two, found) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("balancer.count = 2", "there is never more than one web server"),
        ('web.count = 2\nbalancer = {count = 2, kind = "none"}', 'balancer.kind is "none"'),
        (
            'web.count = 2\nbalancer.count = 2\npublic = "port"\npublic_network = "net"',
            "an address goes with its port",
        ),
        ("web.count = 2\nbalancer.count = 2\nipv6 = true", "the virtual address is one of IPv4"),
        ("web.count = 2\nbalancer.count = 3", "balancer.count"),
    ],
)
def test_two_balancers_are_refused_where_they_cannot_share_an_address(text: str, why: str) -> None:
    with pytest.raises(SkytierError, match=r"balancer\.count") as raised:
        parse(text)
    assert why in raised.value.what


def test_the_quota_counts_what_two_balancers_take() -> None:
    flavors = dict.fromkeys(TWO.machines(), SMALL)
    one, two = (whole_plan(stack, flavors) for stack in (ONE, TWO))
    assert two.floating_ips - one.floating_ips == 2
    assert two.ports - one.ports == 2
    assert two.instances - one.instances == 1
    assert two.security_group_rules - one.security_group_rules == 1
    made = of_steps(planned(TWO, {}), flavors)
    assert (made.ports, made.floating_ips) == (two.ports, two.floating_ips)
    priced = [each.kind for each in of_file(TWO, ROLES, flavors)]
    assert priced.count(ResourceKind.FLOATING_IP) == 3


def test_two_balancers_are_spread_and_one_is_not() -> None:
    group = Key("server group", "skytier-balancer")
    spread = {
        name: [each.key for each in planned(parse(f"spread = true\n{text}"), {})]
        for name, text in (
            ("two", "web.count = 2\nbalancer.count = 2"),
            ("one", "web.count = 2"),
        )
    }
    assert group in spread["two"]
    assert group not in spread["one"]


class Neutron:
    """Neutron with some ports and floating IPs, which notes what it is told."""

    def __init__(self, *ports: Any, ips: Any = (), extensions: Any = ()) -> None:
        self.there = {port.id: port for port in ports}
        self.addresses, self.aliases = list(ips), extensions
        self.told: list[Any] = []
        connection = SimpleNamespace(network=self, current_project_id="p")
        self.project = Project(cast(Any, connection), "skytier")

    def get_port(self, port_id: str) -> Any:
        return self.there[port_id]

    def update_port(self, port: Any, **body: Any) -> Any:
        self.told.append(body)
        return SimpleNamespace(**{**vars(port), **body})

    def extensions(self) -> Any:
        return [SimpleNamespace(alias=each) for each in self.aliases]

    def ips(self, **query: Any) -> Any:
        return [each for each in self.addresses if query.get("port_id") in (None, each.port_id)]

    def get_ip(self, ip: str) -> Any:
        return next(each for each in self.addresses if each.id == ip)

    def update_ip(self, ip: Any, **body: Any) -> None:
        self.told.append(body)
        found = ip if isinstance(ip, SimpleNamespace) else self.get_ip(ip)
        found.port_id = body["port_id"]

    def set_tags(self, resource: Any, tags: list[str]) -> Any:
        return resource

    def create_security_group_rules(self, rules: Any) -> None:
        self.told += rules


def port(name: str, description: str, address: str, **more: Any) -> SimpleNamespace:
    usual = {"id": f"id of {address}", "network_id": "n", "security_group_ids": [], "tags": []}
    usual |= {"mac_address": "m", "device_id": "", "created_at": "", "allowed_address_pairs": []}
    fixed = [{"subnet_id": "s", "ip_address": address}]
    return SimpleNamespace(name=name, description=description, fixed_ips=fixed, **{**usual, **more})


def test_the_port_of_the_address_is_told_apart_and_is_what_address_pairs_name() -> None:
    neutron = Neutron()
    shared = port(SHARED.name, neutron.project.of_virtual_address, "192.168.128.7")
    pairs = {"allowed_address_pairs": [{"ip_address": "192.168.128.7", "mac_address": "m"}]}
    own = port(FIRST, neutron.project.mark, "192.168.128.5", **pairs)
    pairs = {"allowed_address_pairs": [{"ip_address": "192.0.2.1"}]}
    foreign = port(SECOND, neutron.project.mark, "192.168.128.6", **pairs)
    listed = [shared, own, foreign]
    assert [each.key for each in VirtualPort(neutron.project).among(listed)] == [SHARED]
    first, second = Port(neutron.project).among(listed)
    assert first.attributes["address_pairs"] == [shared.id]
    assert second.attributes["address_pairs"] == ["192.0.2.1"]


def test_an_address_pair_is_set_and_taken_away() -> None:
    neutron = Neutron(port(FIRST, "skytier:stack=skytier", "192.168.128.5"))
    known = Known({SHARED: Found(SHARED, "v", {}, {"address": "192.168.128.7"})})
    key = Key("port", FIRST)
    found = Found(key, "id of 192.168.128.5", {})
    for stack, pairs in ((TWO, [{"ip_address": "192.168.128.7"}]), (ONE, [])):
        asked = of(planned(stack, {}), key).wanted
        assert asked
        asked = replace(asked, attributes={**asked.attributes, "security_groups": []})
        found = Port(neutron.project).reconcile(asked, found, known, lambda text: None)
        assert found.attributes["address_pairs"] == ["v"] * len(pairs)
        assert neutron.told[-1:] == ([{"allowed_address_pairs": pairs}] if pairs else neutron.told)
        neutron.there[found.id].allowed_address_pairs = pairs
        neutron.told.clear()
    neutron.there[found.id].allowed_address_pairs = [{"ip_address": "192.168.128.7"}]
    Port(neutron.project).reconcile(asked, found, known, lambda text: None)
    assert neutron.told == [{"allowed_address_pairs": []}]


def test_a_floating_ip_takes_the_place_of_the_one_that_leads_to_a_balancer() -> None:
    about = {"tags": [], "created_at": ""}
    neutron = Neutron(
        ips=[
            SimpleNamespace(
                id=ip, floating_ip_address=ip, description=said, port_id=port_id, **about
            )
            for ip, said, port_id in (
                ("203.0.113.7", "skytier:stack=skytier skytier-balancer", "v"),
                ("203.0.113.8", f"skytier:stack=skytier {BY_SSH[0].name}", "b"),
            )
        ]
    )
    key = address_of(ONE)
    ips = FloatingIP(neutron.project, key, [FIRST, SHARED.name])
    entry, ssh = ips.find()
    assert (entry.key, ssh.key) == (key, BY_SSH[0])
    known = Known({
        Key("port", FIRST): Found(Key("port", FIRST), "b", {}),
        SHARED: Found(SHARED, "v", {}),
    })  # fmt: skip
    asked = of(planned(ONE, {}), key).wanted
    assert asked
    moved = ips.reconcile(asked, entry, known, lambda text: None)
    assert moved.attributes["port"] == "b"
    assert [each["port_id"] for each in neutron.told] == [None, "b"]


def test_the_rule_of_vrrp_is_asked_for_by_its_name_and_known_by_either() -> None:
    neutron, key = Neutron(), Key("security group", "skytier-balancer")
    asked = of(planned(TWO, {}), key).wanted
    assert asked
    group = SimpleNamespace(
        id="g", name=key.name, security_group_rules=[], tags=neutron.project.tags, created_at=""
    )
    found = Found(key, "g", {}, answer=group)
    SecurityGroup(neutron.project).reconcile(
        replace(asked, attributes={**asked.attributes, "rules": [[VRRP, key]]}),
        *(found, Known(), lambda text: None),
    )
    (rule,) = neutron.told
    assert rule == {"security_group_id": "g", "direction": "ingress", "ethertype": "IPv4",
                    "protocol": "vrrp", "remote_group_id": "g"}  # fmt: skip
    for protocol in ("vrrp", "112"):
        kept = {**rule, "protocol": protocol, "id": "r", "port_range_min": None,
                "port_range_max": None, "remote_ip_prefix": None}  # fmt: skip
        group.security_group_rules = [kept]
        neutron.told.clear()
        again = SecurityGroup(neutron.project).reconcile(
            replace(asked, attributes={**asked.attributes, "rules": [[VRRP, key]]}),
            *(found, Known(), lambda text: None),
        )
        assert neutron.told == []
        assert again.attributes["rules"] == [[VRRP, "g"]]


def given(**more: Any) -> GivenNetwork:
    return GivenNetwork("n", "campus", Subnet("s", "s", "10.0.0.0/24"), **more)


@pytest.mark.parametrize(
    ("extensions", "network", "why"),
    [
        ((), None, "Neutron of this cloud has no address pairs"),
        ((address_pairs.EXTENSION,), given(own=False), "campus is of another project"),
    ],
)
def test_the_network_is_asked_beforehand_whether_two_can_share_an_address(
    extensions: Any, network: GivenNetwork | None, why: str
) -> None:
    neutron = Neutron(extensions=extensions)
    with pytest.raises(SkytierError, match=why) as raised:
        address_pairs.check(neutron.project.connection, TWO, network)
    assert "balancer.count = 1" in (raised.value.do or "")
    address_pairs.check(neutron.project.connection, ONE, network)
    there = Neutron(extensions=[address_pairs.EXTENSION]).project.connection
    address_pairs.check(there, TWO, given())


def test_doctor_says_that_two_can_share_an_address() -> None:
    subject = Subject(TWO, None)
    connection = Neutron(extensions=[address_pairs.EXTENSION]).project.connection
    subject.__dict__.update(conn=connection, given=None)
    found = doctor.balancers(subject)
    assert found.state is State.OK
    assert "the stack's own network" in found.said


def test_what_leads_to_the_shared_address_leads_to_no_stranger() -> None:
    found = [
        Found(SHARED, "v", {}, {"address": "192.168.128.7"}),
        Found(ENTRY, "e", {"port": "v"}, {"address": "203.0.113.7"}),
    ]
    assert torn.recognised(found, own_network=True) == found
    lost = planned(TWO, {key: each for key, each in there(TWO).items() if key != SHARED})
    assert [each.resource for each in faults(lost, TWO) if each.what == "it is gone"] == [
        SHARED.name
    ]


class Machine:
    """A machine that answers scripts."""

    def __init__(self, name: str, answer: str = "") -> None:
        self.name, self.answer = name, answer
        self.scripts: list[str] = []

    def run(self, script: str, stdin: bytes | None = None) -> str:
        self.scripts.append(script)
        if self.answer == "away":
            raise SkytierError("It does not answer.")
        return self.answer


VIEW = "svname,status,check_status,last_chk,addr,\n{}\n"
UP = VIEW.format("skytier-web-1,UP,L7OK,,10.0.0.1:8080,\nskytier-web-2,UP,L7OK,,10.0.0.2:8080,")


def test_each_balancer_is_asked_but_one_that_is_lost() -> None:
    known = Known(there(TWO))
    assert balancer.set_up(known) == [FIRST, SECOND]
    front = [Machine(FIRST, UP), Machine(SECOND, UP)]
    machines = cast(Any, Machines(*front))
    balancer.before("skytier-web-1", machines, known, print)
    balancer.after(cast(Any, Machine("skytier-web-1")), machines, known, print)
    assert [len(each.scripts) for each in front] == [2, 2]
    key = Key(SERVER, FIRST)
    known[key] = other(known[key], power="shutoff")
    assert balancer.set_up(known) == [SECOND]
    balancer.before("skytier-web-1", machines, known, print)
    assert [len(each.scripts) for each in front] == [2, 3]


class Servers:
    """Nova, which deletes."""

    deleted = False

    def delete(self, found: Found, tell: Any) -> None:
        self.deleted = True


@pytest.mark.parametrize("answer", ["", "away"])
def test_a_balancer_hands_the_address_over_before_it_goes(answer: str) -> None:
    machine, servers, told = Machine(FIRST, answer), Servers(), list[str]()
    kind = BalancerServers(
        cast(Any, servers), cast(Any, Machines(machine)), Known(), "192.168.128.7"
    )
    kind.delete(Found(Key(SERVER, FIRST), "id", {}, {"role": "balancer"}), told.append)
    assert servers.deleted
    assert "systemctl stop keepalived" in machine.scripts[0]
    assert "/dev/tcp/192.168.128.7/80" in machine.scripts[0]
    assert ("could not hand the address over" in " ".join(told)) is bool(answer)
    kind.delete(Found(Key(SERVER, "skytier-web-1"), "id", {}, {"role": "web"}), told.append)
    assert len(machine.scripts) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [("yes\n", "has the address 192.168.128.7"), ("", "stands by"), ("away", "")],
)
def test_status_says_which_one_has_the_address(answer: str, said: str) -> None:
    checks = [ServiceStatus("haproxy", True, None, ""), ServiceStatus("address", True, None, "")]
    host = cast(Any, Machine(FIRST, answer))
    assert [each.detail for each in with_address(checks, host, "192.168.128.7")] == ["", said]
    ill = [ServiceStatus("address", False, None, "keepalived does not run")]
    assert with_address(ill, host, "192.168.128.7") == ill


ACME = parse(
    'tls = "acme"\ndomain = "shop.example.org"\nemail = "a@example.org"\n'
    f"web.count = 2\nbalancer.count = 2\n{IMAGE}"
)


def test_a_new_balancer_gets_the_certificate_of_the_one_beside_it() -> None:
    whole = there(ACME)
    new = Known({key: each for key, each in whole.items() if key != Key(CONFIGURATION, SECOND)})
    machines = [Machine(FIRST, "packed"), Machine(SECOND)]
    about = (resolved(ACME), cast(Any, Machines(*machines)))
    told: list[str] = []
    carry(*about, cast(Any, machines[1]), new, told.append)
    assert told == [f"it has the certificate of {FIRST}"]
    for host, known in ((machines[1], Known(whole)), (machines[0], new)):
        carry(*about, cast(Any, host), known, told.append)
    assert len(told) == 1


def said_of_lost(stack: StackFile, found: dict[Key, Found], lost: Key) -> tuple[list[str], str]:
    """What a plan says that it does about what is lost, and of another address."""
    left = {key: each for key, each in found.items() if key != lost}
    told = [each.up for each in faults(planned(stack, left), stack) if each.resource == lost.name]
    return told, another_address(stack, left)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("web.count = 2\nbalancer.count = 2", SHARED),
        (
            "web.count = 2\nbalancer.kind = 'octavia'",
            Key("virtual port", "skytier-load-balancer"),
        ),
    ],
)
def test_a_lost_port_of_visitors_means_another_address_only_without_floating_ips(
    text: str, lost: Key
) -> None:
    with_ips, without = (parse(f"{how}{IMAGE}{text}") for how in ("", WITHOUT))
    [up], moved = said_of_lost(with_ips, there(with_ips), lost)
    assert "the floating IP leads to it, which stays the same" in up
    assert moved == ""
    [up], moved = said_of_lost(without, there(without), lost)
    assert "with another address: its DNS name has to follow" in up
    # No machine's own address was that of visitors.
    assert moved == ""
    # Nor is one of a machine the former one where one machine is wanted again.
    one = parse(f"{WITHOUT}{IMAGE}web.count = 2")
    assert said_of_lost(one, there(without), lost)[1] == ""
    # Nobody misses one that was never there.
    assert said_of_lost(without, there(one), lost)[0] == []
