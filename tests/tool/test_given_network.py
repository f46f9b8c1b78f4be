"""Machines on a network that is there already: what is made, where visitors come in, and how SSH
gets there."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.costs import bill
from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import nothing_to_do, plan
from skytier.doctor import Finding, State
from skytier.doctor import cloud as doctor
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.hosts.ssh_config import SshEntry, config
from skytier.openstack.choices import given_network, public_network
from skytier.openstack.choices.choices import NO_NETWORK, Choices, choose_external_network
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.given_network import GivenNetwork, Subnet, choose, find
from skytier.openstack.choices.images import Image
from skytier.openstack.choices.port_security import EXTENSION
from skytier.openstack.entry_point import EntryPoint, address_of
from skytier.openstack.machines.access import hosts
from skytier.openstack.machines.operator import Way
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.stackfile.exposure import exposures
from tests.applications import NOTHING

from .brought_up import brought_up

FIXED = parse('network = "provider"\npublic = "fixed"')
NONE = parse('public = "none"')
SUBNET = Subnet("s", "provider-4", "203.0.113.0/24")
GIVEN = GivenNetwork("p", "provider", SUBNET)
FLAVORS = dict.fromkeys(
    ("web", "database", "balancer", "monitor"), Flavor("1", "m1.small", 2, 4096, 20)
)


def resolved(stack: StackFile) -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    given = GIVEN if stack.network else None
    stack = stack.model_copy(update={"cidr": SUBNET.cidr} if given else {})
    return ResolvedStack(stack, Choices(images, FLAVORS, NO_NETWORK, given=given), ROLES, NOTHING)


def there(stack: StackFile) -> Known:
    return brought_up(
        lambda known: wanted(
            resolved(stack), Project(cast(Any, None), "skytier"), "ssh-ed25519 key", known
        ),
        lambda number, each: {
            "address": f"203.0.113.{number}",
            "data": "",
            "role": each.creation.get("role", ""),
        },
        # SSH enters no server whose id has a space.
        id_of=lambda key: str(key).replace(" ", "-"),
    )


def kinds(stack: StackFile) -> set[str]:
    return {key.kind for key in there(stack)}


def test_on_a_public_network_nothing_of_the_network_is_made() -> None:
    assert not kinds(FIXED) & {"network", "subnet", "router", "floating IP"}
    assert kinds(NONE) >= {"network", "subnet", "router"}
    assert "floating IP" not in kinds(NONE)
    for stack in (FIXED, NONE):
        project = Project(cast(Any, None), "skytier")
        known = there(stack)
        again = wanted(resolved(stack), project, "ssh-ed25519 key", known)
        assert nothing_to_do(plan(again, known.values(), RULES))


def test_the_quota_has_no_network_and_no_floating_ip_in_it() -> None:
    project = Project(cast(Any, None), "skytier")
    steps = plan(wanted(resolved(FIXED), project, "ssh-ed25519 key", Known()), [], RULES)
    for needs in (of_steps(steps, FLAVORS), whole_plan(FIXED, FLAVORS)):
        assert (needs.networks, needs.subnets, needs.routers, needs.floating_ips) == (0, 0, 0, 0)
        assert (needs.ports, needs.security_groups) == (2, 4)
    assert not [r for r in bill.of_file(FIXED, ROLES, FLAVORS) if r.kind == "floating IP"]


def test_visitors_come_to_the_address_of_the_first_web_server() -> None:
    known = there(FIXED)
    entry = address_of(FIXED)
    assert entry == Key("port", "skytier-web-1")
    address = known[entry].facts["address"]
    assert EntryPoint(FIXED, known).url == f"http://{address}"
    assert resolved(FIXED).topology(known).public_address == address


def test_ssh_enters_the_web_server_and_goes_on_from_there() -> None:
    known = there(FIXED)
    web, database = hosts(known, Way("skytier-web-1", "me@jump"))
    assert (web.name, web.via, web.jump) == ("skytier-web-1", None, "me@jump")
    assert (database.name, database.via, database.jump) == (
        "skytier-database-1",
        "skytier-web-1",
        None,
    )
    second = {
        Key(kind, "skytier-web-2"): known[Key(kind, "skytier-web-1")] for kind in ("server", "port")
    }
    way = Way("skytier-web-1", role="web")
    entered = {each.name: each.via for each in hosts(known | second, way)}
    assert entered == {
        "skytier-web-1": None,
        "skytier-web-2": None,
        "skytier-database-1": "skytier-web-1",
    }
    del known[Key("server", "skytier-web-1")]
    entered = {each.name: each.via for each in hosts(known | second, way)}
    assert entered["skytier-web-2"] is None
    # Without floating IPs, and without a word that one is entered directly, there is no way.
    assert hosts(known) == []


SEVERAL = "web.count = 2"


@pytest.mark.parametrize("keys", ['network = "provider"\npublic = "fixed"\n', 'public = "none"\n'])
def test_a_balancer_has_another_address_which_is_said_before_it_comes_and_goes(keys: str) -> None:
    one, several = parse(keys), parse(f"{keys}{SEVERAL}")
    old = there(one)[address_of(one)].facts["address"]
    assert said_before(several, there(one)) == (
        "The entry point becomes skytier-balancer-1, in the place of skytier-web-1. Its address "
        f"is another one than {old}, where visitors get no answer from then on: change your DNS "
        "names."
    )
    old = there(several)[address_of(several)].facts["address"]
    assert f"another one than {old}, " in said_before(one, there(several))
    plain = parse(f'{keys}{SEVERAL}\nbalancer.kind = "none"')
    for stack, known in ((one, Known()), (one, there(one)), (several, there(several)),
                         (plain, there(one))):  # fmt: skip
        assert "another one than" not in said_before(stack, known)


def test_a_floating_ip_stays_with_the_entry_point() -> None:
    several = parse(f'network = "provider"\n{SEVERAL}')
    assert "another one than" not in said_before(several, there(parse('network = "provider"')))


def said_before(stack: StackFile, known: Known) -> str:
    """What a plan says of the network, but for which one it is."""
    asked = wanted(resolved(stack), Project(cast(Any, None), "skytier"), "ssh-ed25519 key", known)
    planned = Plan(plan(asked, known.values(), RULES), resolved(stack), "")
    return planned.networks.rpartition("never changed. ")[2]


def test_while_a_balancer_comes_or_goes_ssh_enters_those_that_let_operators_in() -> None:
    one, several = FIXED, parse(f'network = "provider"\npublic = "fixed"\n{SEVERAL}')
    balancer = "skytier-balancer-1"
    to_one, to_several = Way("skytier-web-1", role="web"), Way(balancer, role="balancer")

    def via(known: Known, way: Way) -> dict[str, str | None]:
        return {each.name: each.via for each in hosts(known, way)}

    before = there(one)
    assert via(before, to_several) == via(before, to_one)
    after = there(several)
    behind = ["skytier-database-1", "skytier-web-1", "skytier-web-2"]
    assert via(after, to_several) == {balancer: None, **dict.fromkeys(behind, balancer)}
    assert via(after, to_one) == via(after, to_several)
    # A balancer whose server is lost has its port, and what is behind lets nobody in.
    del after[Key("server", balancer)]
    assert via(after, to_several) == {}


def test_machines_do_not_move_to_another_network() -> None:
    project = Project(cast(Any, None), "skytier")
    for before, after in ((FIXED, NONE), (NONE, FIXED)):
        with pytest.raises(SkytierError, match="do not move to another network"):
            wanted(resolved(after), project, "ssh-ed25519 key", there(before))


def test_machines_do_not_move_to_another_subnet_of_their_network() -> None:
    known = there(FIXED)
    port = Key("port", "skytier-database-1")
    known[port] = replace(known[port], facts={**known[port].facts, "address": "198.51.100.7"})
    with pytest.raises(SkytierError, match="do not move to another subnet"):
        wanted(resolved(FIXED), Project(cast(Any, None), "skytier"), "ssh-ed25519 key", known)


def test_the_stack_s_own_network_is_not_named_as_one_that_is_there() -> None:
    known = there(NONE)
    network = Key("network", "skytier-network")
    known[network] = replace(known[network], id=GIVEN.id)
    with pytest.raises(SkytierError, match="this stack's own"):
        wanted(resolved(FIXED), Project(cast(Any, None), "skytier"), "ssh-ed25519 key", known)


def test_neighbours_on_a_given_network_are_let_in_nowhere() -> None:
    """Their addresses are those of the network, so no rule goes by it."""
    machines = Key("security group", "skytier-machines")
    for text in ("", "web.count = 2", "[monitor]\ndedicated = true"):
        project = Project(cast(Any, None), "skytier")
        stack = parse(f'network = "provider"\n{text}')
        made = {e.key: e for e in wanted(resolved(stack), project, "ssh-ed25519 key", Known())}
        remotes = [
            (port, remote)
            for key, each in made.items()
            if key.kind == "security group"
            for port, remote in each.attributes["rules"]
        ]
        assert SUBNET.cidr not in [remote for _, remote in remotes]
        assert made[machines].attributes["rules"] == []
        ports = [each for key, each in made.items() if key.kind == "port"]
        assert all(machines in each.attributes["security_groups"] for each in ports)
        assert all(machines in each.needs for each in ports)
        if "count" in text:
            assert (22, machines) in remotes
    own = wanted(resolved(NONE), Project(cast(Any, None), "skytier"), "ssh-ed25519 key", Known())
    assert machines not in {each.key for each in own}


def test_what_is_open_is_said_of_a_network_of_others_and_not_where_nothing_is_public() -> None:
    assert [each.key for each in exposures(FIXED)] == ["network", "tls", "ssh_from"]
    assert exposures(NONE) == []
    for public in ("none", "floating-ip"):
        shared = FIXED.model_copy(update={"public": public})
        [said] = [each for each in exposures(shared) if each.key == "network"]
        assert "take network out" in said.do


ACME = 'tls = "acme"\ndomain = "shop.example.org"\nemail = "me@example.org"\n'


def test_an_authority_of_ones_own_reaches_private_addresses_and_is_not_asked_through_a_jump() -> (
    None
):
    own = f'{ACME}acme_server = "https://ca.example.org/acme"\nssh_jump = "me@jump"\n'
    stack = parse(f'{own}public = "none"')
    assert EntryPoint(stack, there(stack)).waits_for() == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('public = "fixed"', "needs `network`"),
        ('subnet = "s"', "needs `network`"),
        ('network = "n"\ncidr = "10.0.0.0/24"', "is what `network` has already"),
        ('public = "none"\nfloating_ip = "203.0.113.7"', 'public is "none"'),
        ('ssh_jump = "-oProxyCommand=x"', "is not a host"),
        ('ssh_jump = "a b"', "is not a host"),
        ('ssh_jump = "_jump"', "is not a host"),
        (f'public = "none"\n{ACME}', "Let's Encrypt does not reach the stack"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, said: str) -> None:
    with pytest.raises(SkytierError, match=said):
        parse(text)


OTHER = Subnet("o", "other", "10.0.0.0/24")


def test_the_subnet_is_the_only_one_or_the_named_one_and_has_dhcp() -> None:
    assert choose([SUBNET], FIXED) == SUBNET
    named = FIXED.model_copy(update={"subnet": "other"})
    assert choose([SUBNET, OTHER], named) == OTHER
    with pytest.raises(SkytierError, match="several IPv4 subnets: provider-4"):
        choose([SUBNET, OTHER], FIXED)
    with pytest.raises(SkytierError, match="no IPv4 subnet"):
        choose([], FIXED)
    with pytest.raises(SkytierError, match="has no DHCP"):
        choose([Subnet("s", "provider-4", "203.0.113.0/24", dhcp=False)], FIXED)
    with pytest.raises(SkytierError, match="sees no subnet 'other'"):
        choose([SUBNET], named)


def test_without_a_network_in_the_stack_file_no_cloud_is_asked() -> None:
    assert find(cast(Any, None), NONE) is None


def test_an_external_network_is_looked_for_only_where_it_is_needed() -> None:
    assert choose_external_network([], FIXED) == NO_NETWORK
    for stack in (NONE, parse('network = "provider"')):
        with pytest.raises(SkytierError, match="no external network"):
            choose_external_network([], stack)


def test_a_jump_host_has_its_own_ssh_with_the_operators_own_configuration() -> None:

    entry = SshEntry("shop-web-1", "10.0.0.7", "id", jump="me@jump.example.org")
    text = config([entry], Path("/k"), Path("/h"))
    assert "  ProxyCommand ssh -o BatchMode=yes -W '[%h]:%p' me@jump.example.org\n" in text
    with pytest.raises(SkytierError):
        config([SshEntry("a", "10.0.0.7", "id", jump="-oX")], Path("/k"), Path("/h"))


class Neutron:
    """A network with its subnet, and with or without port security."""

    current_project_id = "mine"

    def __init__(self, *, guarded: bool, extensions: Sequence[str] = (EXTENSION,)) -> None:
        own = {"is_shared": False, "project_id": "mine", "description": ""}
        there = SimpleNamespace(id="p", name="provider", is_port_security_enabled=guarded, **own)
        subnet = SimpleNamespace(id="s", name="s", cidr="203.0.113.0/24", is_dhcp_enabled=True)
        self.interfaces: list[Any] = []
        self.network = SimpleNamespace(
            networks=lambda: [there],
            subnets=lambda network_id, ip_version: [subnet],
            extensions=lambda: [SimpleNamespace(alias=alias) for alias in extensions],
            ports=lambda device_owner: self.interfaces,
        )


ON_IT: dict[str, tuple[str, Callable[[Any, StackFile], Any]]] = {
    "network": ('network = "provider"\npublic = "fixed"', given_network.find),
    "public_network": (
        'public = "port"\npublic_network = "provider"', public_network.find),
}  # fmt: skip


@pytest.mark.parametrize("key", ON_IT)
def test_a_network_where_no_security_group_guards_a_port_is_refused(key: str) -> None:
    text, find = ON_IT[key]
    with pytest.raises(SkytierError, match="provider has no port security") as refused:
        find(cast(Any, Neutron(guarded=False)), parse(text))
    assert f"in the stack file: {key}." in (refused.value.do or "")
    assert find(cast(Any, Neutron(guarded=True)), parse(text)).name == "provider"
    # Without that extension Neutron does not tell, and groups guard all ports.
    untold = Neutron(guarded=False, extensions=())
    assert find(cast(Any, untold), parse(text)).name == "provider"


def test_the_doctor_warns_of_a_network_without_a_router_for_floating_ips() -> None:
    neutron = Neutron(guarded=True)

    def looked(text: str) -> Finding:
        subject = Subject(parse(text), "c")
        subject.__dict__["conn"] = neutron
        return doctor.network(subject)

    alone = looked('network = "provider"')
    assert (alone.state, "floating IPs lead through one" in alone.said) == (State.WARNING, True)
    assert looked('network = "provider"\npublic = "fixed"').state is State.OK
    neutron.interfaces = [SimpleNamespace(network_id="other"), SimpleNamespace(network_id="p")]
    assert looked('network = "provider"').state is State.OK
