"""What the balancer's view allows: a web server is taken out, and its turn has ended."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.errors import SkytierError
from skytier.openstack.machines import balancer
from skytier.openstack.machines.draining import DrainedServers
from skytier.services.haproxy.view import Seen, View, missing, others_out, read
from skytier.services.nginx.service import DRAIN, DRAINED

COLUMNS = "# pxname,svname,qcur,status,lastchg,check_status,check_code,last_chk,addr,"
"""Some of those that HAProxy prints, in its order."""
SAID = f"""{COLUMNS}
web,shop-web-1,0,UP,12,L7OK,200,HTTP status check returned code <200>,192.168.128.10:8080,
web,shop-web-2,0,UP 1/2,12,* L4TOUT,,"Layer4 timeout, once",192.168.128.11:8080,
web,shop-web-3,0,NOLB,3,L7OKC,404,,192.168.128.12:8080,

"""
FIRST, SECOND, THIRD = "shop-web-1", "shop-web-2", "shop-web-3"


def seen(**statuses: str) -> View:
    """By the end of the name: `web_1="UP"`."""
    return {
        f"shop-{name.replace('_', '-')}": Seen(f"192.168.128.1{name[-1]}:8080", status)
        for name, status in statuses.items()
    }


def test_statistics_are_read() -> None:
    view = read(SAID)
    assert view is not None
    assert list(view) == [FIRST, SECOND, THIRD]
    assert view[FIRST].address == "192.168.128.10:8080"
    assert str(view[SECOND]) == "UP 1/2 * L4TOUT Layer4 timeout, once"
    assert str(view[THIRD]) == "drained"


@pytest.mark.parametrize("said", ["", "\n"])
def test_a_haproxy_that_does_not_run_has_no_view(said: str) -> None:
    assert read(said) is None


def test_a_balancer_without_web_servers_has_one() -> None:
    assert read(f"{COLUMNS}\n\n") == {}


@pytest.mark.parametrize(
    ("status", "back"),
    [
        ("UP", True),
        ("UP 1/2", False),
        ("DOWN", False),
        ("DOWN 1/2", False),
        ("NOLB", False),
        ("NOLB 1/2", False),
        ("MAINT", False),
        ("MAINT (resolution)", False),
        ("DRAIN", False),
        ("no check", False),
    ],
)
def test_a_web_server_is_back_once_its_last_check_was_good(status: str, back: bool) -> None:
    view = seen(web_1=status, web_2="UP")
    assert (missing(view, FIRST) is None) is back


@pytest.mark.parametrize(
    ("view", "address"),
    [
        (None, "192.168.128.11"),
        ({}, "192.168.128.11"),
        (seen(web_2="UP"), "192.168.128.11"),
        # The balancer has its turn after the web servers, and is told then.
        (seen(web_1="DOWN"), "192.168.128.77"),
    ],
)
def test_nothing_is_waited_for_that_the_balancer_is_told_later(
    view: View | None, address: str
) -> None:
    assert missing(view, FIRST, address) is None


def test_its_own_address_is_waited_for() -> None:
    assert missing(seen(web_1="DOWN"), FIRST, "192.168.128.11") is not None


@pytest.mark.parametrize(
    ("view", "out"),
    [
        (seen(web_1="UP", web_2="UP"), []),
        (seen(web_1="UP", web_2="DOWN", web_3="UP"), []),
        (seen(web_1="UP", web_2="DOWN"), [SECOND]),
        (seen(web_1="UP", web_2="UP 1/2"), [SECOND]),
        (seen(web_1="UP 1/2", web_2="DOWN"), [SECOND]),
        (seen(web_1="UP", web_2="NOLB", web_3="DOWN 1/2"), [SECOND, THIRD]),
        (seen(web_1="UP", web_2="MAINT"), [SECOND]),
        # It gets no requests, so nothing is taken away.
        (seen(web_1="DOWN", web_2="DOWN"), []),
        (seen(web_1="NOLB", web_2="DOWN"), []),
        # A single one is away while it is changed.
        (seen(web_1="UP"), []),
        # The balancer has it no more, or does not run.
        (seen(web_2="UP"), []),
        (None, []),
    ],
)
def test_the_last_web_server_is_not_taken_out(view: View | None, out: Sequence[str]) -> None:
    assert list(others_out(view, FIRST)) == out


BALANCER = "shop-balancer-1"
THERE = Known(
    {
        key: Found(key, key.name, {}, facts)
        for key, facts in (
            (Key("server", FIRST), {"role": "web"}),
            (Key("configuration", FIRST), {}),
            (Key("port", FIRST), {"address": "192.168.128.10"}),
            (Key("server", BALANCER), {"role": "balancer"}),
            (Key("configuration", BALANCER), {}),
        )
    }
)


class Machine:
    """One machine, which answers each script with the next of its answers, or the last one."""

    def __init__(self, name: str, *answers: str) -> None:
        self.name = name
        self.answers = list(answers) or [""]
        self.scripts: list[str] = []

    def run(self, script: str) -> str:
        self.scripts.append(script)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Machines:
    """The ways into them."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = {each.name: each for each in machines}

    def enter(self, name: str, known: Known) -> Machine:
        return self.machines[name]

    def reach(self, name: str, tell: Any) -> Machine:
        return self.machines[name]


def said(**statuses: str) -> str:
    lines = [
        f"web,{name},0,{each.status},1,,,,{each.address},"
        for name, each in seen(**statuses).items()
    ]
    return "\n".join([COLUMNS, *lines, ""])


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is over at once."""
    monkeypatch.setattr(balancer, "WITHIN_S", 0.0)


def after(web: Machine, front: Machine) -> list[str]:
    told: list[str] = []
    known = Known({**THERE, Key("port", FIRST): Found(Key("port", FIRST), "", {}, {"address": ""})})
    balancer.after(cast(Any, web), cast(Any, Machines(web, front)), known, told.append)
    return told


def test_a_turn_ends_when_the_balancer_sends_requests_again() -> None:
    front = Machine(BALANCER, said(web_1="DOWN"), said(web_1="UP 1/2"), said(web_1="UP"))
    told = after(Machine(FIRST), front)
    assert len(front.scripts) == 3
    assert [each.rpartition("sees it ")[2] for each in told] == ["DOWN", "UP 1/2"]


@pytest.mark.usefixtures("limit")
def test_a_turn_that_does_not_end_says_what_the_balancer_sees() -> None:
    with pytest.raises(SkytierError) as raised:
        after(Machine(FIRST), Machine(BALANCER, said(web_1="DOWN", web_2="UP")))
    assert f"{BALANCER} sees it DOWN, at 192.168.128.11:8080" in raised.value.what
    assert raised.value.do


def test_what_the_operator_drained_is_not_waited_for() -> None:
    web, front = Machine(FIRST, "yes\n"), Machine(BALANCER, said(web_1="NOLB", web_2="UP"))
    after(web, front)
    assert len(front.scripts) == 1
    assert DRAINED in web.scripts[0]


@pytest.mark.usefixtures("limit")
def test_what_is_put_back_is_waited_for() -> None:
    web, front = Machine(FIRST, "yes\n"), Machine(BALANCER, said(web_1="NOLB", web_2="UP"))
    with pytest.raises(SkytierError, match="gets no requests"):
        balancer.wait_until_back(cast(Any, front), cast(Any, web), print, put_back=True)


@pytest.mark.parametrize("without", ["server", "configuration"])
def test_without_a_balancer_that_is_set_up_nobody_is_asked(without: str) -> None:
    known = Known({key: each for key, each in THERE.items() if key != Key(without, BALANCER)})
    machines = cast(Any, Machines())
    balancer.after(cast(Any, Machine(FIRST)), machines, known, print)
    balancer.before(FIRST, machines, known, print)
    assert balancer.set_up(known) == []
    assert balancer.set_up(THERE) == [BALANCER]


class Servers:
    """Nova, which deletes."""

    deleted = False

    def delete(self, found: Found, tell: Any) -> None:
        self.deleted = True


def delete(front: Machine, servers: Servers, web: Machine, fault: str = "") -> None:
    """Web server 1, as `up` does."""
    machines = cast(Any, Machines(web, front))
    kind = DrainedServers(cast(Any, servers), machines, THERE, "web")
    found = Found(Key("server", FIRST), "id", {}, {"role": "web"}, fault=fault)
    kind.delete(found, lambda text: None)


def test_it_goes_once_another_one_gets_requests() -> None:
    servers, web = Servers(), Machine(FIRST)
    front = Machine(BALANCER, *(said(web_1="UP", web_2=status) for status in ("DOWN", "UP")))
    delete(front, servers, web)
    assert servers.deleted
    assert len(front.scripts) == 2
    assert DRAIN in web.scripts[0]


@pytest.mark.usefixtures("limit")
@pytest.mark.parametrize("fault", ["", "it is in ERROR"])
def test_the_last_one_is_not_drained_and_does_not_go(fault: str) -> None:
    servers, web = Servers(), Machine(FIRST)
    with pytest.raises(SkytierError) as raised:
        delete(Machine(BALANCER, said(web_1="UP", web_2="DOWN")), servers, web, fault)
    assert raised.value.what.startswith(f"{FIRST} is the only web server")
    assert f"{SECOND} is DOWN" in raised.value.what
    assert "skytier undrain" in (raised.value.do or "")
    assert not servers.deleted
    assert not [each for each in web.scripts if DRAIN in each]


def test_drained_others_are_not_waited_for() -> None:
    servers, front = Servers(), Machine(BALANCER, said(web_1="UP", web_2="NOLB", web_3="NOLB"))
    with pytest.raises(SkytierError, match=f"{SECOND} is drained, {THIRD} is drained"):
        delete(front, servers, Machine(FIRST))
    assert not servers.deleted
    assert len(front.scripts) == 1


def test_a_broken_one_that_gets_no_requests_goes_undrained() -> None:
    servers, web = Servers(), Machine(FIRST)
    front = Machine(BALANCER, said(web_1="DOWN", web_2="UP"))
    delete(front, servers, web, "it is in ERROR")
    assert servers.deleted
    assert web.scripts == []
