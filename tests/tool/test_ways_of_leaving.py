"""Machines are entered before they go by a way that is there at that moment.

Plans are carried out in a cloud in memory: its floating IPs lead where Neutron would lead them,
and a command runs where ssh would run it, or nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from skytier.deploy.apply import Events, apply
from skytier.deploy.kind import Found, Key, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, nothing_to_do
from skytier.deploy.update import IN_SERVERS
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.hosts.ssh_config import SshEntry
from skytier.openstack.entry_point import address_of, first_public
from skytier.openstack.machines import balancer, load_balancer_view
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.host_keys import HOST_KEY
from skytier.openstack.machines.leaving import leaving
from skytier.openstack.machines.moved_address import MovedAddresses
from skytier.openstack.machines.operator import OperatorFiles, Way
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan
from skytier.roles import ROLES
from skytier.roles.role import public_role
from skytier.services.postgresql.config import LEAVE as HAND_OVER
from skytier.services.sentinel.service import LEAVE
from skytier.stackfile import StackFile, parse
from tests.tool.brought_up import brought_up
from tests.tool.test_order import all_wanted, other, planned, resolved

HOME = "198.51.100.0/24"
"""Where the operator is: of `ssh_from` nobody else comes."""
GIVEN = f"""
ssh_from = ["{HOME}"]
web.image = "debian-12"
balancer.image = "debian-12"
database.image = "debian-12"
"""
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILZRUMcmDv4RbK5LEgx2dWNB2VrUhKlkBRNMJFauQq5L"


def stack_of(text: str) -> StackFile:
    head, _, tables = text.partition("\n\n")
    return parse(f"{head}\n{GIVEN}\n{tables}")


@dataclass
class Cloud:
    """What is there. A deletion that `fails` does so once."""

    found: dict[Key, Found]
    stack: StackFile
    fails: set[str] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    """Machines that let nobody in."""
    hangs_once_moved: set[str] = field(default_factory=set)
    """The same, once the address of visitors leads elsewhere."""
    ran: list[tuple[str, str]] = field(default_factory=list)
    """What ran, and on which machine."""

    def at(self, address: str) -> Key | None:
        """The port that has an address, from outside."""
        for key, each in self.found.items():
            if key.kind == "floating IP" and each.facts["address"] == address:
                return next(
                    (k for k, f in self.found.items() if f.id == each.attributes["port"]), None
                )
            if key.kind == "port" and each.facts["address"] == address:
                return key if not self.stack.has_floating_ips else None
        return None

    def lets_in(self, name: str, remotes: set[str]) -> bool:
        server = self.found[Key("server", name)]
        group = self.found[Key("security group", f"skytier-{server.facts['role']}")]
        return any(port == 22 and remote in remotes for port, remote in group.attributes["rules"])


def of(cloud: Cloud, name: str) -> Found:
    return cloud.found[Key("server", name)]


class Shell:
    """ssh, which goes by its configuration, and keeps connections by the address they lead to."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._hosts: dict[str, SshEntry] = {}
        self._kept: dict[str, str] = {}

    def know(self, hosts: Any, *_: object) -> None:
        self._hosts = {each.name: each for each in hosts}

    def connect_anew(self) -> None:
        self._kept = {}

    def run(self, name: str, command: str, *_: object, **__: object) -> str:
        entry = self._hosts.get(name)
        if entry is None:
            raise UnreachableError(f"{name} is no host.", "")
        self._reach(entry)
        if command != "true":
            self._cloud.ran.append((name, command))
        return ""

    def _reach(self, entry: SshEntry) -> None:
        cloud, name = self._cloud, entry.name
        if entry.via:
            bastion = self._hosts[entry.via]
            self._reach(bastion)
            role = of(cloud, bastion.name).facts["role"]
            group = cloud.found[Key("security group", f"skytier-{role}")].id
            port = cloud.found[Key("port", name)]
            there = Key("port", name) if port.facts["address"] == entry.address else None
            remotes = {group, cloud.stack.cidr}
        else:
            there, remotes = cloud.at(entry.address), {HOME}
        if there is None or there.kind != "port":
            raise UnreachableError(f"{name}: nothing answers at {entry.address}.", "")
        if Key("server", there.name) not in cloud.found or there.name in cloud.hangs:
            raise UnreachableError(f"{name}: {there.name} does not answer.", "")
        if of(cloud, there.name).id != entry.server_id:
            raise UnreachableError(f"{name}: {there.name} has another host key.", "")
        if not cloud.lets_in(name, remotes):
            raise UnreachableError(f"{name}: its security group lets nobody in from there.", "")
        if self._kept.setdefault(entry.address, entry.server_id) != entry.server_id:
            raise UnreachableError(f"The connection to {entry.address} is another machine's.", "")


@dataclass
class Recorded:
    """A kind of resource."""

    name: str
    cloud: Cloud
    access: Access
    fixed = frozenset[str]()

    def create(self, wanted: Wanted, known: Known) -> Found:
        creation = known.creation(wanted)
        facts = {
            "address": f"192.0.2.{len(self.cloud.found)}",
            "role": creation.get("role", ""),
            "number": creation.get("number", 0),
            "metadata": {HOST_KEY: PUBLIC_KEY},
            "launched_at": "2026-01-01",
            "data": "",
            "volumes": [],
        }
        name = f"new-{wanted.key}".replace(" ", "-")
        found = Found(wanted.key, name, known.attributes(wanted), facts)
        self.cloud.found[wanted.key] = found
        return found

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        attributes = known.attributes(wanted)
        if self.name in IN_SERVERS:
            self.access.open(wanted.key.name, known, tell)
        if self.name == "floating IP":
            self._make_way(attributes["port"], wanted.key)
        if self.name == "security group":
            own = [[p, found.id if r is None else r] for p, r in attributes["rules"]]
            attributes["rules"] = own
        if found.attributes.get("port") not in (None, attributes.get("port")):
            self.cloud.hangs |= self.cloud.hangs_once_moved
        now = replace(found, attributes=attributes)
        self.cloud.found[wanted.key] = now
        return now

    def _make_way(self, port: str, own: Key) -> None:
        for key, each in self.cloud.found.items():
            if key.kind == self.name and key != own and each.attributes["port"] == port:
                self.cloud.found[key] = replace(each, attributes={**each.attributes, "port": None})

    def delete(self, found: Found, tell: Tell) -> None:
        if found.key.name in self.cloud.fails:
            self.cloud.fails.remove(found.key.name)
            raise SkytierError(f"Nova does not delete {found.key.name}.")
        self.cloud.found.pop(found.key, None)


class Silent:
    """Events that nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def up(cloud: Cloud, home: Path) -> bool:
    """One plan, carried out as `skytier up` does it; and whether it wants another one."""
    stack = cloud.stack
    entry = address_of(stack)
    former = [k for k in cloud.found if k.kind == entry.kind == "floating IP" and _leads(k, stack)]
    for key in former:
        cloud.found[entry] = replace(cloud.found.pop(key), key=entry)
    steps = planned(stack, cloud.found)
    plan = Plan(steps, resolved(stack), PUBLIC_KEY)
    # As `operator.of` is told by CloudStack.
    way = (
        Way() if stack.has_floating_ips else Way(first_public(stack), "", public_role(stack, ROLES))
    )
    connection: Any = SimpleNamespace(
        compute=SimpleNamespace(
            get_server=lambda server_id: SimpleNamespace(
                id=server_id, name=server_id, metadata={HOST_KEY: PUBLIC_KEY}
            )
        ),
        load_balancer=None,
        current_project_id="p",
    )
    access = Access(connection, OperatorFiles(home, way), cast(Any, Shell(cloud)))
    access.write(plan.known)
    kinds: dict[str, Any] = {name: Recorded(name, cloud, access) for name in RULES}
    there = Known({step.key: step.found for step in steps if step.found})
    servers = cast(Kind, kinds["server"])
    kinds["server"] = leaving(servers, stack, access, there, moves=bool(plan.moves_from))
    kinds["floating IP"] = MovedAddresses(kinds["floating IP"], access)
    apply(steps, kinds, cast(Events, Silent()), plan.known)
    return plan.has_more_to_do


def _leads(key: Key, stack: StackFile) -> bool:
    """Whether it is that of an entry point, which keeps its key when another machine is that."""
    names = ("skytier-balancer-1", "skytier-web-1", "skytier-balancer", "skytier-load-balancer")
    return key.name in names


def cloud_of(before: StackFile, then: StackFile) -> Cloud:
    """What is there once a stack is up, and another one is wanted."""
    found = brought_up(
        lambda known: all_wanted(before, known),
        lambda number, each: {
            "address": f"10.0.{number // 200}.{number % 200 + 1}",
            "launched_at": "2026-01-01",
            "data": "",
            "role": each.creation.get("role", ""),
            "number": each.creation.get("number", 0),
            "metadata": {HOST_KEY: PUBLIC_KEY},
            "volumes": [],
        },
        lambda key: f"id-of-{key}".replace(" ", "-"),
    )
    return Cloud(dict(found), then)


def left(cloud: Cloud, program: str) -> set[str]:
    return {name for name, command in cloud.ran if program in command}


ONE_REDIS = 'cache.kind = "redis"'
MEMBERS = 'cache = {kind = "redis", members = 3}'
NO_BALANCER = 'balancer.kind = "none"'
OCTAVIA = 'balancer.kind = "octavia"'
FLOATING = ""
NONE = 'public = "none"\n'
CHANGES: Mapping[str, tuple[str, str, str, set[str]]] = {
    # What is there, what is wanted, a program, and the machines on which it has to run.
    "a web server of its own address": (
        f"web.count = 4\n{NO_BALANCER}\n{MEMBERS}",
        f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}",
        LEAVE,
        {"skytier-web-4"},
    ),
    "one of several members of its own address": (
        f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}",
        f"web.count = 2\n{NO_BALANCER}\n{ONE_REDIS}",
        LEAVE,
        {"skytier-web-3"},
    ),
    "a balancer with one Redis": (
        f"web.count = 2\n{ONE_REDIS}",
        f"web.count = 1\n{ONE_REDIS}",
        LEAVE,
        set(),
    ),
    "a balancer and a web server with members": (
        f"web.count = 2\n{MEMBERS}",
        f"web.count = 1\n{ONE_REDIS}",
        LEAVE,
        {"skytier-web-2", "skytier-balancer-1"},
    ),
    "a balancer with a member, of several web servers": (
        f"web.count = 3\n{MEMBERS}",
        f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}",
        LEAVE,
        {"skytier-balancer-1"},
    ),
    "a balancer with a member, for a load balancer": (
        f"web.count = 4\n{MEMBERS}",
        f"web.count = 3\n{OCTAVIA}\n{MEMBERS}",
        LEAVE,
        {"skytier-balancer-1", "skytier-web-4"},
    ),
    "one of two balancers": (
        f"web.count = 2\nbalancer.count = 2\n{MEMBERS}",
        f"web.count = 2\n{MEMBERS}",
        LEAVE,
        {"skytier-balancer-2"},
    ),
    "a load balancer and web servers": (
        f"web.count = 3\n{OCTAVIA}\n{MEMBERS}",
        f"web.count = 1\n{NO_BALANCER}\n{ONE_REDIS}",
        LEAVE,
        {"skytier-web-2", "skytier-web-3"},
    ),
    "a balancer comes while a web server goes": (
        f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}",
        f"web.count = 2\n{MEMBERS}",
        LEAVE,
        {"skytier-web-3"},
    ),
    "members of the database": (
        "web.count = 2\ndatabase.members = 3",
        "web.count = 1",
        HAND_OVER,
        {"skytier-database-2", "skytier-database-3"},
    ),
    "members of the database behind a load balancer": (
        f"web.count = 2\n{OCTAVIA}\ndatabase.members = 3",
        "web.count = 2",
        HAND_OVER,
        {"skytier-database-2", "skytier-database-3"},
    ),
}


def case_of(case: str, public: str) -> tuple[Cloud, str, set[str]]:
    before, then, program, names = CHANGES[case]
    return cloud_of(stack_of(public + before), stack_of(public + then)), program, names


@pytest.fixture(autouse=True)
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No load balancer is asked whether it reaches a web server."""
    monkeypatch.setattr(load_balancer_view, "at", lambda *_: [])


def closed(cloud: Cloud) -> bool:
    """Whether nothing is left to do but in machines, whose fingerprints are of no interest here."""
    steps = planned(cloud.stack, cloud.found)
    return nothing_to_do([step for step in steps if step.key.kind not in IN_SERVERS])


@pytest.mark.parametrize("public", [FLOATING, NONE])
@pytest.mark.parametrize("case", CHANGES)
def test_each_is_entered_before_it_goes(case: str, public: str, tmp_path: Path) -> None:
    cloud, program, names = case_of(case, public)
    going = [each.key for each in planned(cloud.stack, cloud.found) if each.action is Action.DELETE]

    again = up(cloud, tmp_path)

    assert left(cloud, program) == names
    assert not [key for key in going if key.kind == "server" and key in cloud.found]
    if again:
        assert not up(cloud, tmp_path)
    assert not [key for key in going if key in cloud.found]
    assert closed(cloud)


@pytest.mark.parametrize("public", [FLOATING, NONE])
@pytest.mark.parametrize("case", CHANGES)
def test_each_is_entered_by_the_next_run_where_one_is_cut_short(
    case: str, public: str, tmp_path: Path
) -> None:
    cloud, program, names = case_of(case, public)
    steps = planned(cloud.stack, cloud.found)
    going = [s.key.name for s in steps if s.action is Action.DELETE and s.key.kind == "server"]
    # After the second run deletions alone are left to do.
    for _ in range(2):
        cloud.fails = {*going}
        with pytest.raises(SkytierError, match="Nova does not delete"):
            up(cloud, tmp_path)
        assert not cloud.fails
    cloud.ran.clear()

    again = up(cloud, tmp_path)

    assert left(cloud, program) == (names if program == HAND_OVER or _members(cloud) else set())
    assert not [name for name in going if Key("server", name) in cloud.found]
    if again:
        assert not up(cloud, tmp_path)
    assert closed(cloud)


def _members(cloud: Cloud) -> bool:
    """Whether machines can still have a member of Redis in the second run: of several members that
    are to be one, nothing is left to hand over."""
    return cloud.stack.cache.replicated


HANGS: Mapping[str, tuple[str, str, str]] = {
    "Redis on a machine of its own": (
        f"web.count = 3\n{NO_BALANCER}\n{ONE_REDIS}",
        f"web.count = 2\n{NO_BALANCER}\n{ONE_REDIS}",
        "skytier-web-3",
    ),
    "behind a balancer, beside three members": (
        f"web.count = 3\n{MEMBERS}",
        f"web.count = 2\n{MEMBERS}",
        "skytier-web-3",
    ),
    "Redis goes to one machine": (
        f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}",
        f"web.count = 2\n{NO_BALANCER}\n{ONE_REDIS}",
        "skytier-web-3",
    ),
}


@pytest.mark.parametrize("off", [False, True])
@pytest.mark.parametrize("case", HANGS)
def test_one_that_lets_nobody_in_and_has_nothing_to_hand_over_goes(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, off: bool
) -> None:
    monkeypatch.setattr(balancer, "before", lambda *_: None)
    before, then, name = HANGS[case]
    cloud = cloud_of(stack_of(before), stack_of(then))
    cloud.hangs = {name}
    server = Key("server", name)
    if off:
        cloud.found[server] = other(cloud.found[server], power="off")
    up(cloud, tmp_path)
    assert server not in cloud.found
    assert not [each for each, _ in cloud.ran if each == name]


def test_one_that_lets_nobody_in_and_has_a_member_stays(tmp_path: Path) -> None:
    before = stack_of(f"web.count = 4\n{MEMBERS}")
    cloud = cloud_of(before, stack_of(f"web.count = 3\n{NO_BALANCER}\n{MEMBERS}"))
    # It leads visitors in until the address has moved.
    cloud.hangs_once_moved = {"skytier-balancer-1"}
    with pytest.raises(UnreachableError):
        up(cloud, tmp_path)
    assert Key("server", "skytier-balancer-1") in cloud.found
    assert Key("server", "skytier-web-4") not in cloud.found
