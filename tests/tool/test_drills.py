"""What a rehearsal tries besides the backups: members and web servers that only tell."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from openstack.exceptions import HttpException

from skytier.deploy.apply import StoppedError
from skytier.deploy.kind import Found, Key
from skytier.deploy.rehearsed import Drill, DrillName
from skytier.errors import SkytierError
from skytier.openstack.commands import drills, in_step
from skytier.openstack.plan.releases import PINNED
from skytier.release import history
from skytier.services.patroni.members import Members
from skytier.services.patroni.switchover import Switched
from skytier.stackfile import parse
from tests.cluster.cluster import Events

from .test_database_members import A, B, sent, told
from .test_database_members import read as read_members

TWO = parse('name = "shop"\n[database]\nmembers = 2\n', "skytier.toml")


@dataclass
class Database:
    """Two members, of which one is the primary."""

    primary: str = A
    follows: bool = True
    """Whether the former primary follows the new one."""
    switched: list[str] = field(default_factory=list)
    seconds: float | None = 2.5

    def look(self, hosts: Any) -> Members:
        other = B if self.primary == A else A
        is_there = self.follows or not self.switched
        replicas = [sent(other)] if is_there else []
        primary = told(is_primary=True, replicas=replicas)
        return read_members({self.primary: primary, other: told() if is_there else None})

    def switch_over(self, host: Any, primary: Any, to: Any) -> Switched:
        assert host == self.primary == primary.machine
        self.switched.append(to.machine)
        self.primary = to.machine
        return Switched(self.seconds)


def stack(text: Any = TWO) -> Any:
    return SimpleNamespace(stack=text, connection=None, operator=None, project=None, find=list)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()

    @contextmanager
    def machines(stack: Any) -> Iterator[dict[str, str]]:
        yield {A: A, B: B}

    monkeypatch.setattr(drills, "machines", machines)
    monkeypatch.setattr(drills, "switch_over", made.switch_over)
    monkeypatch.setattr(drills, "wait_for_backup", lambda host, tell: None)
    monkeypatch.setattr(drills, "look", made.look)
    monkeypatch.setattr(in_step, "look", made.look)
    monkeypatch.setattr(in_step, "FOLLOWS_S", 0)
    return made


def tried(name: DrillName, lost: threading.Event | None = None) -> Drill:
    return drills.drill(stack(), name, cast(Any, Events()), lost)


def test_another_member_becomes_the_primary_and_the_former_one_follows(database: Database) -> None:
    drills.refuse(stack(), [DrillName.SWITCHOVER])
    assert database.switched == []
    assert tried(DrillName.SWITCHOVER) == Drill("switchover", [{"to": B, "seconds": 2.5}])
    database.seconds = None
    assert tried(DrillName.SWITCHOVER) == Drill("switchover", [{"to": A, "seconds": None}])
    assert database.switched == [B, A]


def test_a_former_primary_that_does_not_follow_is_told(database: Database) -> None:
    database.follows = False
    found = tried(DrillName.SWITCHOVER)
    assert found.steps == [{"to": B, "seconds": 2.5}]
    assert found.trouble.startswith(f"{B} is the primary now. ")
    assert A in found.trouble


def test_no_switchover_is_begun_where_no_member_can_take_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = read_members({A: told(is_primary=True)})
    monkeypatch.setattr(drills, "look", lambda hosts: alone)
    with pytest.raises(SkytierError, match="has one member"):
        drills.refuse(stack(), [DrillName.SWITCHOVER])
    monkeypatch.setattr(in_step, "look", lambda hosts: alone)
    assert "1 of 2 members" in tried(DrillName.SWITCHOVER).trouble
    assert database.switched == []


@dataclass
class WebServers:
    """Two of them, with two releases. Their logs are those of the product."""

    log: str = "\n".join(
        [
            *history.released("1-old", replace(history.NOBODY, source="1")),
            *history.released("2-new", replace(history.NOBODY, source="2")),
        ]
    )
    unknown: list[str] | None = field(default_factory=list)
    went_to: list[str] = field(default_factory=list)
    noted: dict[str, list[Any]] = field(default_factory=dict)
    pinned: str = ""
    fails: dict[str, BaseException] = field(default_factory=dict)
    """What is raised by the switch to a release."""

    @property
    def found(self) -> list[Found]:
        facts = {"role": "web", "metadata": {PINNED: self.pinned}}
        names = {1: "shop-web-1", 2: "shop-web-2"}
        return [
            Found(Key("server", name), name, {}, facts | {"number": n}) for n, name in names.items()
        ]

    def asked(self, access: Any, known: Any) -> dict[str, history.Releases]:
        there = frozenset({"1-old", "2-new"})
        return {
            each.key.name: history.Releases(history.read(self.log), there) for each in self.found
        }

    def switch_back(
        self, known: Any, access: Any, servers: Any, events: Any, name: str, stop: Any
    ) -> None:
        if name in self.fails:
            raise self.fails[name]
        if stop and stop.is_set():
            raise StoppedError("Stopped.", "")
        self.went_to.append(name)
        self.log += "\n" + history.rolled_back(name, history.NOBODY)

    def note(self, host: str, lines: list[str]) -> None:
        self.noted[host] = lines


class ServerNotes:
    """The kind of servers, of which notes are all that is needed."""

    name = "server"
    noted: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, project: Any) -> None:
        """It asks for nothing."""

    def note(self, server: str, metadata: dict[str, str]) -> None:
        self.noted[server].append(metadata)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> WebServers:
    made = WebServers()
    access = SimpleNamespace(open=lambda name, known, tell: name)
    monkeypatch.setattr(drills, "one_of_each", lambda found: ({e.key: e for e in made.found}, []))
    monkeypatch.setattr(drills, "Access", lambda *given, publish: access)
    monkeypatch.setattr(drills, "asked", made.asked)
    monkeypatch.setattr(drills, "switch_back", made.switch_back)
    monkeypatch.setattr(drills, "unknown_migrations", lambda *given: made.unknown)
    monkeypatch.setattr(drills.releasing, "note", made.note)
    monkeypatch.setattr(drills, "Server", ServerNotes)
    monkeypatch.setattr(ServerNotes, "noted", made.noted)
    return made


def test_the_release_before_serves_and_then_the_present_one_as_before(web: WebServers) -> None:
    before = history.read(web.log).now()
    drills.refuse(stack(), [DrillName.ROLLBACK])
    assert web.went_to == []
    found = tried(DrillName.ROLLBACK)
    assert found.good
    assert [each["to"] for each in found.steps] == web.went_to == ["1-old", "2-new"]
    for name in ("shop-web-1", "shop-web-2"):
        line, metadata = web.noted[name]
        after = history.read(f"{web.log}\n{line}")
        assert after.now() == before
        assert not after.pinned
        assert metadata == {PINNED: ""}
    # Another rollback would lead to the same one as before.
    assert after.before({"1-old", "2-new"}).id == "1-old"


def test_a_release_that_a_rollback_led_to_stays(web: WebServers) -> None:
    web.pinned = "2-new"
    assert tried(DrillName.ROLLBACK).good
    assert web.went_to == ["1-old", "2-new"]
    assert web.noted == {}
    assert history.read(web.log).pinned


def test_the_present_release_serves_again_also_where_the_one_before_fails(web: WebServers) -> None:
    web.fails = {"1-old": SkytierError("It is not healthy.", "Look at it.")}
    found = tried(DrillName.ROLLBACK)
    assert (found.trouble, found.advice) == ("It is not healthy.", "Look at it.")
    assert web.went_to == ["2-new"]
    assert set(web.noted) == {"shop-web-1", "shop-web-2"}


def test_the_present_release_serves_again_after_ctrl_c(web: WebServers) -> None:
    lost = threading.Event()
    web.fails = {"1-old": KeyboardInterrupt()}
    lost.set()  # as `apply` does then
    with pytest.raises(KeyboardInterrupt):
        tried(DrillName.ROLLBACK, lost)
    assert web.went_to == ["2-new"]


@pytest.mark.parametrize("pinned", ["", "2-new"])
@pytest.mark.parametrize("cut", [["2-new"], ["1-old", "2-new"]], ids=["one", "two"])
def test_ctrl_c_on_the_way_back_tells_that_the_release_before_may_stay(
    web: WebServers, cut: list[str], pinned: str
) -> None:
    web.pinned = pinned
    web.fails = {name: KeyboardInterrupt() for name in cut}
    found = tried(DrillName.ROLLBACK)
    assert found.trouble.startswith("Interrupted: 1-old may still serve")
    then = "" if pinned else ", then skytier release"
    assert found.advice == f"Bring the present one back: skytier rollback 2-new{then}"
    assert web.noted == {}


def test_where_it_cannot_serve_again_the_way_there_is_told(web: WebServers) -> None:
    web.fails = {"2-new": SkytierError("It is not healthy.", "Look at it.")}
    found = tried(DrillName.ROLLBACK)
    assert found.trouble == "2-new does not serve everywhere again. It is not healthy."
    assert found.advice == "Switch to it: skytier rollback 2-new"
    assert web.noted == {}


@pytest.mark.parametrize(
    "error",
    [
        HttpException("oops", http_status=500),
        SkytierError("It cannot be reached.", "Look at it."),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_where_it_serves_again_and_cannot_be_let_go_of_that_is_told(
    web: WebServers, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(ServerNotes, "note", fail)
    found = tried(DrillName.ROLLBACK)
    assert [each["to"] for each in found.steps] == ["1-old", "2-new"]
    assert found.trouble.startswith("2-new serves again, and stays as after a rollback. ")
    assert "skytier release" in found.advice


def test_nothing_is_switched_once_the_stack_is_somebody_else_s(web: WebServers) -> None:
    web.fails = {"1-old": StoppedError("Stopped.", "")}
    with pytest.raises(StoppedError):
        tried(DrillName.ROLLBACK)
    assert web.went_to == []


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        (["migrations/2.sql", "migrations/3.sql"], "since: migrations/2.sql, migrations/3.sql"),
        (None, "cannot be compared"),
    ],
)
def test_a_release_that_may_not_know_the_database_is_refused_before_anything_is_done(
    web: WebServers, unknown: list[str] | None, words: str
) -> None:
    web.unknown = unknown
    with pytest.raises(SkytierError, match=words):
        drills.refuse(stack(), [DrillName.ROLLBACK])
    assert web.went_to == []


def test_a_first_release_has_none_before_it(web: WebServers) -> None:
    web.log = "\n".join(history.released("2-new", history.NOBODY))
    with pytest.raises(SkytierError, match="no healthy release before it"):
        drills.refuse(stack(), [DrillName.ROLLBACK])
