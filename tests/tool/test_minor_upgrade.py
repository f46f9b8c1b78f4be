"""A minor upgrade of PostgreSQL: whose turn it is, what is in its way, and what is said of it."""

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from skytier.cli import chosen, database, minor_upgrade
from skytier.errors import SkytierError
from skytier.openstack.commands.minor_upgrade import Intended, Upgraded
from skytier.services.patroni.members import Member, Members, read
from skytier.services.patroni.minor_upgrade import Turn, Work, obstacle, turns
from skytier.services.patroni.software import Software
from skytier.stackfile import StackFile, parse

from .test_database_members import A, B, C, cluster, sent, told

OLD, NEW = "15.18 (Debian 15.18-0+deb12u1)", "15.20 (Debian 15.20-0+deb12u1)"
PACKAGE = "15.20-0+deb12u1"
BEHIND = Software(OLD, OLD, PACKAGE, unfinished=False)
REPLACED = Software(OLD, NEW, "", unfinished=False)
"""By the daily updates: the server goes on with what it has in memory."""
DONE = Software(NEW, NEW, "", unfinished=False)
CUT = Software("", OLD, "", unfinished=True)
"""The only member, whose package stopped it before it was interrupted."""


def those(*software: Software | None, roles: str = "psr", **more: Any) -> Members:
    """Members of which the first is the primary, the second synchronous, the third a replica."""
    names = {"p": "primary", "s": "synchronous replica", "r": "replica"}
    members = [
        Member(machine, names[role], "streaming", 3, 0, True, each)
        for machine, role, each in zip((A, B, C), roles, software, strict=False)
    ]
    return replace(Members("15.18", members, [], paused=False), **more)


def upgraded(machine: str, installs: str = PACKAGE) -> Turn:
    return Turn(Work.UPGRADE, machine, installs)


def switched(machine: str) -> Turn:
    return Turn(Work.SWITCHOVER, machine)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (those(BEHIND, BEHIND), [upgraded(B), switched(A), upgraded(A)]),
        (
            # The synchronous one last, since another one can be synchronous by then.
            those(BEHIND, BEHIND, BEHIND),
            [upgraded(C), upgraded(B), switched(A), upgraded(A)],
        ),
        (those(REPLACED, BEHIND), [upgraded(B), switched(A), upgraded(A, "")]),
        (those(REPLACED, REPLACED), [upgraded(B, ""), switched(A), upgraded(A, "")]),
        # One that was interrupted, at each place.
        (those(BEHIND, DONE), [switched(A), upgraded(A)]),
        (those(DONE, BEHIND), [upgraded(B)]),
        (those(DONE, replace(REPLACED, unfinished=True)), [upgraded(B, "")]),
        (those(DONE, DONE, DONE), []),
        # The only one hands over to nobody.
        (those(BEHIND), [upgraded(A)]),
        (those(REPLACED), [upgraded(A, "")]),
        (those(CUT, roles="r"), [upgraded(A, "")]),
        (those(DONE), []),
        # Nothing is known of one that is away, which is an obstacle.
        (those(DONE, None), []),
    ],
)
def test_the_primary_hands_over_once_and_comes_last(found: Members, expected: list[Turn]) -> None:
    assert turns(found) == expected


def test_a_rebuilt_package_of_the_same_version_is_newer_too() -> None:
    rebuilt = OLD.replace("u1)", "u2)")
    assert turns(those(Software(OLD, rebuilt, "", unfinished=False))) == [upgraded(A, "")]


@pytest.mark.parametrize(
    ("found", "count", "said"),
    [
        (those(BEHIND, BEHIND), 3, "has 2 of 3 members"),
        (those(BEHIND, BEHIND, paused=True), 2, "is paused"),
        (those(BEHIND, BEHIND, restoring=[B]), 2, f"A restore of the database on {B} goes on"),
        (those(BEHIND, restoring=[A]), 1, "A restore of the database"),
        (those(BEHIND, BEHIND, roles="rs"), 2, "these are: none"),
        (those(BEHIND, BEHIND, roles="pp"), 2, f"these are: {A}, {B}"),
        (those(BEHIND, BEHIND, BEHIND, roles="prr"), 3, "has all acknowledged writes"),
        (those(Software("", OLD, PACKAGE, unfinished=False)), 1, f"does not answer on {A}"),
        (those(None), 1, f"does not answer on {A}"),
    ],
)
def test_nobody_is_taken_out_where_one_too_few_would_be_left(
    found: Members, count: int, said: str
) -> None:
    error = obstacle(found, count=count, synchronous=True)

    assert error is not None
    assert said in error.what


def test_one_that_is_away_or_lags_is_an_obstacle() -> None:
    there = those(BEHIND, BEHIND, BEHIND)
    for changes, said in (
        ({"state": "does not answer"}, f"PostgreSQL does not answer on {C}"),
        ({"in_step": False}, f"{C} is not in step"),
    ):
        last = replace(there.members[2], **changes)  # type: ignore[arg-type]
        error = obstacle(
            replace(there, members=[*there.members[:2], last]), count=3, synchronous=True
        )
        assert error is not None
        assert said in error.what


def test_members_that_are_well_may_be_taken_out() -> None:
    assert obstacle(those(BEHIND, BEHIND), count=2, synchronous=True) is None
    assert obstacle(those(BEHIND, BEHIND, roles="pr"), count=2, synchronous=False) is None
    assert obstacle(those(BEHIND), count=1, synchronous=True) is None
    assert obstacle(those(CUT, roles="r"), count=1, synchronous=True) is None


def test_what_a_machine_tells_is_read() -> None:
    def more(text: str, **software: Any) -> str:
        package = {"installed": NEW, "newer": "", "unfinished": False} | software
        return json.dumps(json.loads(text) | {"software": package, "restoring": False})

    seen = cluster(a="running", b="streaming")
    primary = told(is_primary=True, replicas=[sent(B)], cluster=seen, running=OLD)
    there = {A: more(primary), B: more(told(running=NEW)), C: None}
    found = read(there)

    assert [each.software for each in found.members] == [REPLACED, DONE, None]
    assert turns(found) == [switched(A), upgraded(A, "")]
    assert found.restoring == []
    silent = json.dumps({"database": None, "cluster": None} | json.loads(more("{}", newer="16")))
    assert read({A: silent}).members[0].software == Software("", NEW, "16", unfinished=False)


@dataclass
class Stack:
    """Tells what would be done, and notes down what it is asked for."""

    stack: StackFile = field(default_factory=lambda: parse('name = "shop"'))
    found: Members = field(default_factory=lambda: those(BEHIND, BEHIND))
    stale: dict[str, str] = field(default_factory=dict)
    healthy: bool = True
    asked: list[str] = field(default_factory=list)

    def database(self) -> Members:
        return self.found

    def minor_upgrade_intended(self) -> Intended:
        return Intended(self.found, turns(self.found), self.stale)

    def upgrade_minor(self, approved: Intended, progress: Any) -> Upgraded:
        self.asked.append("upgrade")
        return Upgraded("15.20", 2.44)

    def status(self) -> Any:
        return SimpleNamespace(healthy=self.healthy)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(chosen, "stack_file", lambda file, cloud: made.stack)
    monkeypatch.setattr(chosen, "cloud_stack", lambda wanted: made)
    monkeypatch.setattr(minor_upgrade, "HEALTHY_S", 0)
    return made


def test_what_would_be_done_is_said_and_nothing_is_done(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.stale = {B: "E: it is away"}
    minor_upgrade.upgrade(dry_run=True)

    said, warned = capsys.readouterr()
    assert f"1. {B}: {PACKAGE} is installed, and PostgreSQL is restarted" in said
    assert "on one machine only" in said
    assert f"2. {A}: a replica takes over" in said
    assert f"3. {A}: {PACKAGE}" in said
    assert f"{B} could not update its package lists" in warned
    minor_upgrade.upgrade(dry_run=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [turn["work"] for turn in told["turns"]] == ["upgrade", "switchover", "upgrade"]
    assert told["members"][0]["newer"] == PACKAGE
    assert told["stale"] == stack.stale
    assert stack.asked == []


def test_it_is_asked_for_and_told_how_it_went(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SkytierError, match="there is no terminal to confirm it"):
        minor_upgrade.upgrade()
    assert stack.asked == []
    capsys.readouterr()
    minor_upgrade.upgrade(yes=True)
    said = capsys.readouterr().out
    assert "PostgreSQL 15.20 serves" in said
    assert "Nobody could write for 2.4 s" in said
    minor_upgrade.upgrade(yes=True, as_json=True)
    last = json.loads(capsys.readouterr().out)
    assert last == {"event": "upgrade", "version": "15.20", "away_s": 2.44, "healthy": True}
    stack.healthy = False
    with pytest.raises(SkytierError, match="the stack is not healthy"):
        minor_upgrade.upgrade(yes=True)


def test_of_an_only_member_it_is_said_that_nobody_can_read_or_write(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.found = those(BEHIND)
    minor_upgrade.upgrade(dry_run=True)
    assert "reads and writes fail meanwhile" in capsys.readouterr().out


def test_where_the_newest_serves_nothing_is_asked_nor_done(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.found = those(DONE, DONE)
    minor_upgrade.upgrade()
    assert "There is nothing to do" in capsys.readouterr().out
    assert stack.asked == []


@pytest.mark.parametrize(
    ("software", "said"),
    [
        (BEHIND, f"{A}: {PACKAGE} is available"),
        (REPLACED, f"{A}: 15.20 is installed, and serves after a restart"),
        (CUT, f"{A}: an installation was interrupted"),
    ],
)
def test_the_members_are_shown_with_what_they_lack(
    stack: Stack, capsys: pytest.CaptureFixture[str], software: Software, said: str
) -> None:
    context: Any = SimpleNamespace(invoked_subcommand=None)
    stack.found = those(software)
    database.database(context)
    shown = capsys.readouterr().out
    assert said in shown
    assert "skytier database upgrade" in shown
    for others in (DONE, replace(DONE, running="")):  # the latter does not answer
        stack.found = those(others)
        database.database(context)
        assert "upgrade" not in capsys.readouterr().out
