"""A load balancer of the cloud in front of the web servers: steps of plans, quota and price."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import HttpException

from skytier import roles
from skytier.cli.on_cloud.changes import in_words
from skytier.cli.on_cloud.changes import names as names_of
from skytier.costs.bill import of_file
from skytier.costs.usage import ResourceKind
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, nothing_to_do
from skytier.deploy.update import CONFIGURATION, DELIVERY, RELEASE, SERVER
from skytier.doctor import load_balancer as doctor
from skytier.doctor.check import State
from skytier.doctor.cloud import Subject
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.choices import load_balancer_service
from skytier.openstack.entry_point import address_of, another_address
from skytier.openstack.machines import balancer, load_balancer_view
from skytier.openstack.machines.access import hosts
from skytier.openstack.plan import torn
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.repair import faults
from skytier.openstack.resources import load_balancer_parts as parts
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.project import Project
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from skytier.topology import IngressRule
from tests.tool.test_moves import carried_out
from tests.tool.test_order import SMALL, before, other, planned, resolved, there
from tests.tool.test_two_balancers import found_of, of

WEB, SECOND = "skytier-web-1", "skytier-web-2"
HELD = Key("virtual port", "skytier-load-balancer")
BALANCER = Key("load balancer", "skytier-load-balancer")
ENTRY = Key("floating IP", "skytier-load-balancer")
BY_SSH = Key("floating IP", f"{WEB}-ssh")
IMAGE = "web.image = 'debian-12'\nbalancer.image = 'debian-12'\n"
TLS = 'tls = "self-signed"\n'
PASSED_ON = parse(f"{TLS}web.count = 2\n{IMAGE}balancer.kind = 'octavia'")
THREE = parse(f"{TLS}web.count = 3\n{IMAGE}balancer.kind = 'octavia'")
ONE = parse(f"{TLS}web.count = 2\n{IMAGE}")
TWO = parse(f"{TLS}web.count = 2\nbalancer.count = 2\n{IMAGE}")
NONE = parse(f"{TLS}{IMAGE}")
WITHOUT = parse(f"{TLS}web.count = 2\n{IMAGE}balancer.kind = 'none'")
WITHOUT_IPS = f'public = "none"\n{IMAGE}'


def test_it_comes_with_an_address_of_its_own_and_a_way_in_for_operators() -> None:
    steps = planned(PASSED_ON, {})
    port, made, entry = (of(steps, key).wanted for key in (HELD, BALANCER, ENTRY))
    assert port
    assert made
    assert entry
    assert "security_groups" not in port.attributes
    assert entry.attributes["port"] == made.attributes["port"] == HELD
    assert [each["protocol_port"] for each in made.attributes["listeners"]] == [80, 443]
    assert {each["port"].name for each in made.attributes["members"]} == {WEB, SECOND}
    # No machine of the balancer's, and one floating IP more, which leads to the first web server.
    addresses = {step.key for step in steps if step.key.kind == ENTRY.kind}
    assert addresses == {ENTRY, BY_SSH}
    assert not [step for step in steps if "balancer-1" in step.key.name]
    assert BY_SSH in before(steps, Key(CONFIGURATION, "skytier-database-1"))
    assert ENTRY not in before(steps, Key(CONFIGURATION, "skytier-database-1"))
    # It is made beside the machines, which takes as long.
    assert not any(key.kind == SERVER for key in before(steps, BALANCER))
    assert nothing_to_do(planned(PASSED_ON, there(PASSED_ON)))


def test_what_it_passes_on_comes_from_the_private_network_alone() -> None:
    rules = roles.ingress_rules(PASSED_ON)
    assert {each.port for each in rules["web"] if each.remote == PASSED_ON.cidr} == {
        *(8082, 8083, 8443)
    }
    assert not [each for each in rules["web"] if each.port in (80, 443, 8080)]
    # Operators enter the others through the first one.
    assert {IngressRule(22, "0.0.0.0/0"), IngressRule(22, "private")} <= set(rules["web"])
    plain = roles.ingress_rules(parse("web.count = 2\nbalancer.kind = 'octavia'"))["web"]
    assert not [each for each in plain if each.port == 8443]
    found = {
        key: replace(each, id=each.id.replace(" ", "-")) if key.kind == SERVER else each
        for key, each in there(PASSED_ON).items()
    }
    first, *others = hosts(found)
    assert first.name == WEB
    assert {each.via for each in others} == {WEB}


@pytest.mark.parametrize(
    ("was", "then"),
    [
        *[(each, PASSED_ON) for each in (NONE, ONE, TWO, WITHOUT)],
        *[(PASSED_ON, each) for each in (NONE, ONE, TWO, WITHOUT)],
    ],
    ids=[
        *(f"from {each}" for each in ("one web server", "HAProxy", "two of them", "several")),
        *(f"to {each}" for each in ("one web server", "HAProxy", "two of them", "several")),
    ],
)
def test_the_address_of_visitors_stays(was: StackFile, then: StackFile) -> None:
    found = found_of(was, then)
    steps = planned(then, found)
    entry = address_of(then)
    move = of(steps, entry)
    assert (move.action, another_address(then, found)) == (Action.CHANGE, "")
    done = before(steps, entry)
    machines = {step.key.name for step in steps if step.wanted and step.key.kind == SERVER}
    assert {Key(CONFIGURATION, name) for name in machines} <= done
    assert then is not PASSED_ON or BALANCER in done
    # Nobody is entered by an address that is still to move, and nothing that leads to visitors goes
    # before it has moved.
    for step in steps:
        if step.key.kind in (CONFIGURATION, RELEASE) and step.action is not Action.DELETE:
            assert entry not in before(steps, step.key)
        if step.action is Action.DELETE:
            assert entry in step.after
    # Until then operators come in as before, to all machines that stay.
    known = Plan(steps, resolved(then), "ssh-ed25519 key").known
    entered = {
        key: replace(each, id=each.id.replace(" ", "-")) if key.kind == SERVER else each
        for key, each in known.items()
    }
    assert {e.name for e in hosts(entered)} >= {
        key.name for key in found if key.kind == SERVER and key.name in machines
    }
    if was is PASSED_ON:
        both = resolved(then).ingress_rules(known)["web"]
        passed = roles.ingress_rules(PASSED_ON)["web"]
        assert {rule for rule in passed if rule.remote == PASSED_ON.cidr} <= set(both)
        topology = resolved(then).topology(known)
        assert topology.leaves_load_balancer
        assert all(each.public for each in topology.of("web"))
        assert {of(steps, key).action for key in (HELD, BALANCER)} == {Action.KEEP}

    after = carried_out(steps, found)
    assert after[entry].id == found[entry].id
    closing = planned(then, after)
    ended = carried_out(closing, after)
    assert nothing_to_do(planned(then, ended))
    assert (BALANCER in ended, HELD in ended) == (then is PASSED_ON, then is PASSED_ON)


@pytest.mark.parametrize("led", ["is gone", "leads nowhere"])
@pytest.mark.parametrize(
    "then", [NONE, ONE, TWO, WITHOUT], ids=["one web server", "HAProxy", "two of them", "several"]
)
def test_on_the_way_from_it_operators_get_their_way_in_back(then: StackFile, led: str) -> None:
    found = found_of(PASSED_ON, then)
    way_in = found.pop(BY_SSH)
    if led == "leads nowhere":
        found[BY_SSH] = other(way_in, port=None)
    steps = planned(then, found)
    assert of(steps, BY_SSH).action is (Action.CHANGE if BY_SSH in found else Action.CREATE)
    entered = [s.key for s in steps if s.wanted and s.key.kind in (CONFIGURATION, DELIVERY)]
    assert entered
    for key in entered:
        assert BY_SSH in before(steps, key)
    # It leads to the first web server, where that of visitors comes last.
    assert BY_SSH in before(steps, address_of(then))
    # Once visitors have left, it goes.
    after = carried_out(steps, found)
    closing = planned(then, after)
    assert of(closing, BY_SSH).action is Action.DELETE
    assert nothing_to_do(planned(then, carried_out(closing, after)))


def test_where_the_first_web_server_does_not_serve_the_address_leaves_it_at_once() -> None:
    for then in (NONE, ONE):
        found = found_of(PASSED_ON, then)
        del found[BY_SSH]
        found[Key(SERVER, WEB)] = other(found[Key(SERVER, WEB)], power="shutoff")
        steps = planned(then, found)
        # Neutron leads one floating IP to an address.
        assert BY_SSH not in {step.key for step in steps}
        entered = [s.key for s in steps if s.wanted and s.key.kind == CONFIGURATION]
        assert all(address_of(then) in before(steps, key) for key in entered)


def test_a_floating_ip_for_operators_waits_until_that_of_visitors_has_moved() -> None:
    assert ENTRY in before(planned(PASSED_ON, found_of(NONE, PASSED_ON)), BY_SSH)
    assert ENTRY not in before(planned(PASSED_ON, found_of(ONE, PASSED_ON)), BY_SSH)


def test_it_is_told_of_a_new_web_server_once_that_serves() -> None:
    found = there(PASSED_ON)
    steps = planned(THREE, found)
    step = of(steps, BALANCER)
    assert (step.action, step.reason) == (Action.CHANGE, "members changed")
    assert Key(RELEASE, "skytier-web-3") in before(steps, BALANCER)
    assert in_words(step, names_of(steps)) == [
        "members: + listener=80 port=skytier-web-3 protocol_port=8082 monitor_port=8083 weight=1, "
        "+ listener=443 port=skytier-web-3 protocol_port=8443 monitor_port=8083 weight=1"
    ]
    # One that goes is out before it is deleted.
    steps = planned(PASSED_ON, there(THREE))
    [gone] = [s for s in steps if s.action is Action.DELETE and s.key.kind == SERVER]
    assert BALANCER in gone.after


DRIFT: dict[str, tuple[Any, str]] = {
    "a listener is gone": (
        lambda f: other(f, listeners=f.attributes["listeners"][:1]),
        "listeners",
    ),
    "a member is gone": (lambda f: other(f, members=f.attributes["members"][1:]), "members"),
    "a member leads elsewhere": (
        lambda f: other(
            f,
            members=[
                {**f.attributes["members"][0], "protocol_port": 22},
                *f.attributes["members"][1:],
            ],
        ),
        "members",
    ),
    "a monitor asks less": (
        lambda f: other(
            f,
            monitors=[{**each, "url_path": "/"} for each in f.attributes["monitors"]],
        ),
        "monitors",
    ),
    "somebody made another pool": (
        lambda f: other(f, pools=[*f.attributes["pools"], {"listener": None, "protocol": "TCP"}]),
        "pools",
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_what_somebody_changed_of_it_is_mended(case: str) -> None:
    changed, names = DRIFT[case]
    found = there(PASSED_ON)
    step = of(planned(PASSED_ON, {**found, BALANCER: changed(found[BALANCER])}), BALANCER)
    assert (step.action, step.reason) == (Action.CHANGE, f"{names} changed")


def test_one_that_octavia_is_still_at_is_waited_for() -> None:
    found = there(PASSED_ON)
    busy = other(found[BALANCER], state="PENDING_CREATE")
    busy = replace(busy, drift="it is pending create", undo="it is waited for")
    step = of(planned(PASSED_ON, {**found, BALANCER: busy}), BALANCER)
    assert (step.action, step.reason) == (
        Action.CHANGE,
        "it is pending create: it is waited for",
    )


def test_one_in_error_or_gone_is_made_anew_at_the_same_address() -> None:
    found = there(PASSED_ON)
    broken = {**found, BALANCER: replace(found[BALANCER], fault="it is in ERROR")}
    gone = {key: each for key, each in found.items() if key != BALANCER}
    for now, action, said in (
        (broken, Action.REPLACE, ["it is replaced"]),
        (gone, Action.CREATE, ["another one is made, with the same address"]),
    ):
        steps = planned(PASSED_ON, now)
        assert of(steps, BALANCER).action is action
        assert {s.key for s in steps if s.action is not Action.KEEP} == {BALANCER}
        assert [each.up for each in faults(steps, PASSED_ON)] == said
        # Visitors have no other way in, so it waits for nothing.
        assert not [key for key in before(steps, BALANCER) if key.kind in (CONFIGURATION, RELEASE)]
    # Where it has to go, a broken one is not waited for.
    steps = planned(NONE, found_of(PASSED_ON, NONE) | {BALANCER: broken[BALANCER]})
    assert of(steps, BALANCER).action is Action.DELETE
    # Nobody misses one that was never there.
    first = planned(PASSED_ON, found_of(NONE, PASSED_ON))
    assert BALANCER.name not in {each.resource for each in faults(first, PASSED_ON)}


def test_the_address_of_visitors_leads_to_no_stranger() -> None:
    found = [there(PASSED_ON)[key] for key in (HELD, ENTRY)]
    assert torn.recognised(found, own_network=True) == found


def test_without_floating_ips_its_private_address_is_the_entry_point() -> None:
    passed, one, haproxy = (
        parse(f"{WITHOUT_IPS}{more}")
        for more in ("web.count = 2\nbalancer.kind = 'octavia'", "", "web.count = 2")
    )
    found = there(passed)
    assert address_of(passed) == HELD
    assert nothing_to_do(planned(passed, found))
    assert not [key for key in found if key.kind == "floating IP"]
    for was, name in ((one, WEB), (haproxy, "skytier-balancer-1")):
        assert f"becomes {HELD.name}, in the place of {name}." in (
            another_address(passed, there(was))
        )
    assert f"becomes {WEB}, in the place of {HELD.name}." in another_address(one, found)
    assert another_address(passed, found) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("web.count = 2\nbalancer.count = 2", "the cloud decides how many"),
        ('tls = "acme"\ndomain = "a.example.org"\nemail = "a@example.org"', "certificate of the"),
        ('network = "campus"', "others on that network"),
        ('public = "port"\npublic_network = "net"', "visitors come to a machine"),
        ("ipv6 = true", "one of IPv4"),
    ],
)
def test_it_is_refused_where_it_cannot_serve_and_auto_takes_haproxy_then(
    text: str, why: str
) -> None:
    with pytest.raises(SkytierError, match=r"balancer\.kind") as raised:
        parse(f"{text}\nbalancer.kind = 'octavia'")
    assert why in raised.value.what
    auto = parse(f"{text}\nweb.count = 2\nbalancer.kind = 'auto'".replace("2\nweb.count = 2", "2"))
    assert load_balancer_service.decided(cast(Any, Cloud("amphora")), auto).balancer.kind == (
        "haproxy"
    )


class Cloud:
    """A project in a cloud with providers of load balancers, and the ports of a stack."""

    def __init__(self, *providers: str, ports: Sequence[str] = (), answers: int = 200) -> None:
        def service() -> list[Any]:
            if answers != 200:
                raise HttpException("no", http_status=answers)
            return [SimpleNamespace(name=each) for each in providers]

        self.connection = SimpleNamespace(
            load_balancer=SimpleNamespace(providers=service),
            has=frozenset({"load-balancer"} if providers else ()),
        )
        self._ports = ports

    def ports(self) -> list[Any]:
        return [SimpleNamespace(name=each) for each in self._ports]


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog of a `Cloud`."""
    monkeypatch.setattr(catalog, "services", lambda conn: conn.has)


@pytest.mark.parametrize(
    ("cloud", "kind"),
    [
        (Cloud("amphora", "ovn"), "octavia"),
        (Cloud("octavia"), "octavia"),
        (Cloud("ovn"), "haproxy"),
        (Cloud(), "haproxy"),
        # What is there stays, whatever the cloud got since, and also without its server.
        (Cloud("amphora", ports=[WEB, "skytier-balancer-1"]), "haproxy"),
        (Cloud("amphora", ports=[WEB, "skytier-balancer", "skytier-balancer-2"]), "haproxy"),
        (Cloud("amphora", ports=[WEB, SECOND]), "octavia"),
        # Or whatever the cloud has lost, perhaps for a moment.
        (Cloud(ports=[WEB, SECOND, HELD.name]), "octavia"),
        (Cloud("ovn", ports=[WEB, SECOND, HELD.name]), "octavia"),
    ],
)
def test_auto_is_decided_by_what_the_cloud_has_and_what_is_there(cloud: Any, kind: str) -> None:
    auto = parse("web.count = 2\nbalancer.kind = 'auto'")
    assert load_balancer_service.decided(cloud, auto).balancer.kind == kind
    assert ("balancer" in auto.machines()) is True
    for stays in (ONE, PASSED_ON, parse("balancer.kind = 'auto'")):
        assert load_balancer_service.decided(cloud, stays) == stays


def test_auto_is_haproxy_where_the_project_may_have_no_load_balancers() -> None:
    auto = parse("web.count = 2\nbalancer.kind = 'auto'")
    for status in (403, 404):
        refuses = cast(Any, Cloud("amphora", answers=status))
        assert load_balancer_service.decided(refuses, auto).balancer.kind == "haproxy"
        with pytest.raises(SkytierError, match="providers of load balancers could not be listed"):
            load_balancer_service.provider(refuses.connection, PASSED_ON)
    # An outage says nothing of what the project may have.
    with pytest.raises(SkytierError, match="could not be listed"):
        load_balancer_service.decided(cast(Any, Cloud("amphora", answers=503)), auto)


@pytest.mark.parametrize(
    ("cloud", "said"),
    [(Cloud(), "no load balancer service"), (Cloud("ovn", "vendor"), "the provider ovn or vendor")],
)
def test_a_cloud_without_one_is_told_beforehand(cloud: Any, said: str) -> None:
    with pytest.raises(SkytierError, match=said) as raised:
        load_balancer_service.provider(cloud.connection, PASSED_ON)
    assert 'balancer.kind = "haproxy"' in (raised.value.do or "")
    assert load_balancer_service.provider(cloud.connection, ONE) == ""


def test_one_that_auto_keeps_and_the_stack_file_forbids_by_now_is_told_beforehand() -> None:
    cloud = Cloud("amphora", ports=[WEB, SECOND, HELD.name])
    auto = parse("ipv6 = true\nweb.count = 2\nbalancer.kind = 'auto'")
    stays = load_balancer_service.decided(cast(Any, cloud), auto)
    assert stays.has_load_balancer
    with pytest.raises(SkytierError, match=r'"auto" keeps, and ipv6 is true') as raised:
        load_balancer_service.provider(cast(Any, cloud.connection), stays)
    assert 'balancer.kind = "haproxy"' in (raised.value.do or "")


def test_quota_and_price_count_it() -> None:
    flavors = dict.fromkeys(("web", "database", "balancer"), SMALL)
    passed, one = (whole_plan(each, flavors) for each in (PASSED_ON, ONE))
    assert (passed.load_balancers, one.load_balancers) == (1, 0)
    assert one.instances - passed.instances == 1
    assert passed.floating_ips - one.floating_ips == 1
    made = of_steps(planned(PASSED_ON, {}), flavors)
    for name in ("ports", "floating_ips", "load_balancers", "instances", "security_group_rules"):
        assert getattr(made, name) == getattr(passed, name)
    priced = [each.kind for each in of_file(PASSED_ON, ROLES, flavors)]
    assert priced.count(ResourceKind.FLOATING_IP) == 2
    assert priced.count(ResourceKind.LOAD_BALANCER) == 1
    plan = Plan(planned(PASSED_ON, {}), resolved(PASSED_ON), "ssh-ed25519 key")
    assert [each.kind for each in plan.cost.after.resources].count("load balancer") == 1


def seen_as(**statuses: str) -> dict[Key, Found]:
    """All that is there, with what Octavia says of the first and the second web server."""
    found = there(PASSED_ON)
    members = {f"10.0.0.{number}": each for number, each in enumerate(statuses.values(), 1)}
    for number in (1, 2):
        key = Key("port", f"skytier-web-{number}")
        found[key] = replace(found[key], facts={"address": f"10.0.0.{number}"})
    facts = {"address": "10.0.0.9", "operating": "ONLINE", "members": members}
    return {**found, BALANCER: replace(found[BALANCER], facts=facts)}


@pytest.mark.parametrize(
    ("first", "second", "healthy", "told"),
    [
        ("ONLINE", "ONLINE", True, "2 of 2 web servers get requests"),
        ("ONLINE", "ERROR", True, f"1 of 2 web servers get requests; {SECOND} is ERROR"),
        (
            *("OFFLINE", "ERROR", False),
            f"0 of 2 web servers get requests; {WEB} is OFFLINE; {SECOND} is ERROR",
        ),
        (
            "ERROR",
            "ERROR",
            False,
            f"0 of 2 web servers get requests; {WEB} is ERROR; {SECOND} is ERROR",
        ),
        ("OFFLINE", "OFFLINE", True, "Octavia does not tell how the web servers are"),
    ],
)
def test_status_shows_it_as_a_machine(first: str, second: str, healthy: bool, told: str) -> None:
    known = seen_as(first=first, second=second)
    shown = load_balancer_view.status(PASSED_ON, known)
    assert shown
    assert (shown.name, shown.role, shown.healthy) == (BALANCER.name, "balancer", healthy)
    assert [each.detail for each in shown.services] == [told]
    assert shown.address == known[ENTRY].facts["address"]
    assert load_balancer_view.status(ONE, there(ONE)) is None


class Away:
    """Machines that nobody enters."""

    connection = SimpleNamespace(load_balancer=None, current_project_id="p")

    @staticmethod
    def enter(name: str, known: object) -> Any:
        raise SkytierError(f"There is no way to {name}.")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what Octavia says of the members, from one question to the next."""
    monkeypatch.setattr(balancer, "WITHIN_S", 0.0)
    monkeypatch.setattr(parts, "read", lambda *about: None)

    def says(*answers: tuple[str, str]) -> None:
        left = list(answers)

        def operating(whole: Any) -> dict[str, str]:
            first, second = left.pop(0) if len(left) > 1 else left[0]
            return {"10.0.0.1": first, "10.0.0.2": second}

        monkeypatch.setattr(parts, "operating", operating)

    return says


def test_a_web_server_is_taken_out_while_another_one_is_online(told: Any) -> None:
    known, silent = Known(seen_as(first="", second="")), lambda text: None
    told(("ONLINE", "ONLINE"))
    balancer.before(WEB, cast(Any, Away), known, silent)
    told(("ONLINE", "ERROR"))
    with pytest.raises(SkytierError, match=f"{WEB} is the only web server that {BALANCER.name}"):
        balancer.before(WEB, cast(Any, Away), known, silent)
    # One that gets no requests may go.
    told(("ERROR", "ERROR"))
    balancer.before(WEB, cast(Any, Away), known, silent)


def test_its_turn_ends_once_it_is_online(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(seen_as(first="", second=""))
    machine = cast(Any, SimpleNamespace(name=WEB, run=lambda script: ""))
    told(("ERROR", "ONLINE"))
    with pytest.raises(SkytierError, match="gets no requests: after 0 s") as raised:
        balancer.after(machine, cast(Any, Away), known, lambda text: None)
    assert f"{BALANCER.name} sees it ERROR, at 10.0.0.1:8082" in raised.value.what
    monkeypatch.setattr(balancer, "WITHIN_S", 60.0)
    told(("ERROR", "ONLINE"), ("ERROR", "ONLINE"), ("ONLINE", "ONLINE"))
    balancer.after(machine, cast(Any, Away), known, lambda text: None)
    # One that visitors do not come to yet, or not any more, has no say.
    elsewhere = Known({**known, ENTRY: other(known[ENTRY], port="id of port skytier-web-1")})
    told(("ERROR", "ERROR"))
    balancer.after(machine, cast(Any, Away), elsewhere, lambda text: None)


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        *((each, True) for each in ("ACTIVE", "PENDING_UPDATE", "ERROR", "disabled")),
        *((each, False) for each in ("PENDING_CREATE", "PENDING_DELETE", "DELETED")),
    ],
)
def test_one_that_may_serve_is_asked_whatever_octavia_does_to_it(
    state: str, *, asked: bool
) -> None:
    known = seen_as(first="", second="")
    known[BALANCER] = other(known[BALANCER], state=state)
    names = [each.name for each in load_balancer_view.of(cast(Any, None), known)]
    assert names == ([BALANCER.name] if asked else [])


def test_where_octavia_does_not_tell_the_machines_word_counts(told: Any) -> None:
    known = Known(seen_as(first="", second=""))
    machine = cast(Any, SimpleNamespace(name=WEB, run=lambda script: ""))
    told(("OFFLINE", "OFFLINE"))
    for step in (
        lambda tell: balancer.after(machine, cast(Any, Away), known, tell),
        lambda tell: balancer.before(WEB, cast(Any, Away), known, tell),
    ):
        said: list[str] = []
        step(said.append)
        assert said == [
            "Octavia does not tell how the web servers are: what they say themselves counts"
        ]
    # One of which it has no word yet, while it tells of another one, is waited for.
    told(("OFFLINE", "ONLINE"))
    with pytest.raises(SkytierError, match=f"{BALANCER.name} sees it OFFLINE"):
        balancer.after(machine, cast(Any, Away), known, lambda text: None)


@pytest.mark.parametrize(
    ("cloud", "text", "said"),
    [
        (Cloud("amphora"), "balancer.kind = 'octavia'", "gets one of the provider amphora"),
        (Cloud("amphora"), "balancer.kind = 'auto'", '"auto", the stack gets one of'),
        (Cloud(), "balancer.kind = 'auto'", '"auto", the cloud has none; HAProxy'),
        (Cloud("amphora", answers=403), "balancer.kind = 'auto'", "the stack gets none: the cloud"),
        (Cloud(), "", "the cloud has none"),
        (Cloud("amphora", "ovn"), "", 'amphora and ovn; the stack has haproxy (balancer.kind = "'),
        (Cloud("ovn"), "", "ovn, which is none that Skytier uses"),
        (Cloud("amphora"), "ipv6 = true", "not for this stack, since ipv6 is true"),
    ],
)
def test_doctor_says_what_the_cloud_has_and_what_the_stack_gets(
    cloud: Any, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoadBalancer, "marked", lambda self: [])
    monkeypatch.setattr(Project, "ports", lambda self: [])
    subject = Subject(parse(f"{text}\nweb.count = 2"), None)
    subject.__dict__["conn"] = cloud.connection
    found = doctor.service(subject)
    assert found.state is State.OK
    assert said in found.said
    assert subject.stack.balancer.kind != "auto"


def test_doctor_says_that_one_web_server_needs_none() -> None:
    subject = Subject(parse(""), None)
    subject.__dict__["conn"] = Cloud("amphora").connection
    assert "one web server needs none" in doctor.service(subject).said
