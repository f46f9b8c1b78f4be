"""The turns of a minor upgrade one after another, also when one fails: members that only tell."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from skytier.deploy import minor_upgrade
from skytier.deploy.apply import StoppedError
from skytier.errors import SkytierError
from skytier.openstack.commands import in_step
from skytier.openstack.commands import minor_upgrade as rolling
from skytier.openstack.commands.minor_upgrade import Upgraded, carry_out
from skytier.services.patroni.members import Member, Members
from skytier.services.patroni.software import Software
from skytier.services.patroni.switchover import Switched
from tests.cluster.cluster import Events

from .test_database_members import A, B, C
from .test_minor_upgrade import BEHIND, CUT, DONE, NEW


@dataclass
class Machine:
    name: str


@dataclass
class World:
    """Members, of which A is the primary and B synchronous; what is done to them changes them."""

    software: dict[str, Software]
    primary: str = A
    done: list[str] = field(default_factory=list)
    fails_at: int | None = None
    """Which call raises, before it changes anything."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What is other than it should be with the members, from the first upgrade on."""

    def look(self, hosts: Any) -> Members:
        names = [name for name in self.software if name != self.primary]
        roles = {self.primary: "primary", **dict.fromkeys(names, "replica")}
        roles |= dict.fromkeys(names[:1], "synchronous replica")
        members = [
            Member(name, roles[name], "streaming", 1, 0, True, each)
            for name, each in self.software.items()
        ]
        return replace(Members("15.20", members, [], False), **(self.changes if self.done else {}))

    def upgrade(self, host: Any, tell: Any) -> float | None:
        self._do(f"upgrade {host.name}")
        assert host.name != self.primary or len(self.software) == 1
        self.software[host.name] = DONE
        return 4.5 if len(self.software) == 1 else None

    def switch_over(self, host: Any, primary: Member, to: Member) -> Switched:
        self._do("switchover")
        assert self.software[to.machine] == DONE
        self.primary = to.machine
        return Switched(2.5)

    def _do(self, what: str) -> None:
        if self.fails_at == len(self.done):
            self.fails_at = None
            raise SkytierError("The power is cut.", "Wait.")
        self.done.append(what)

    def carry_out(self, lost: threading.Event | None = None) -> Upgraded:
        hosts: Any = {name: Machine(name) for name in self.software}
        events: Any = Events()
        return carry_out(hosts, events, count=len(hosts), synchronous=True, lost=lost)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World({A: BEHIND, B: BEHIND, C: BEHIND})
    monkeypatch.setattr(rolling, "look", made.look)
    monkeypatch.setattr(rolling, "switch_over", made.switch_over)
    monkeypatch.setattr(in_step, "look", made.look)
    monkeypatch.setattr(in_step, "FOLLOWS_S", 0)
    monkeypatch.setattr(minor_upgrade, "upgrade", made.upgrade)
    monkeypatch.setattr(minor_upgrade, "wait_for_backup", lambda host, tell: None)
    return made


ALL = [f"upgrade {C}", f"upgrade {B}", "switchover", f"upgrade {A}"]


@pytest.mark.parametrize("fails_at", [None, 0, 1, 2, 3])
def test_what_is_cut_short_is_finished_with_one_switchover(
    world: World, fails_at: int | None
) -> None:
    world.fails_at = fails_at
    if fails_at is not None:
        with pytest.raises(SkytierError, match="The power is cut"):
            world.carry_out()
        assert world.done == ALL[:fails_at]

    # How long writes stopped is not known of a run before.
    away_s = None if fails_at == 3 else 2.5
    assert world.carry_out() == Upgraded("15.20", away_s)

    assert world.done == ALL
    assert {each.running for each in world.software.values()} == {NEW}
    assert world.carry_out() == Upgraded("15.20", None)
    assert world.done == ALL


@pytest.mark.parametrize("changes", [{"paused": True}, {"restoring": [C]}, {"members": []}])
def test_no_other_member_is_taken_out_where_one_does_not_come_back(
    world: World, changes: dict[str, Any]
) -> None:
    world.changes = changes
    with pytest.raises(SkytierError, match="The upgrade stops here"):
        world.carry_out()
    assert world.done == ALL[:1]


def test_a_member_that_is_still_behind_has_no_second_turn(world: World) -> None:
    def nothing(host: Any, tell: Any) -> None:
        world.done.append(f"upgrade {host.name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minor_upgrade, "upgrade", nothing)
        with pytest.raises(SkytierError, match=f"{C} is not upgraded"):
            world.carry_out()
    assert world.done == ALL[:1]


def test_nothing_is_begun_once_somebody_took_the_stack_over(world: World) -> None:
    lost = threading.Event()
    lost.set()
    with pytest.raises(StoppedError):
        world.carry_out(lost)
    assert world.done == []


@pytest.mark.parametrize("software", [BEHIND, CUT])
def test_an_only_member_hands_over_to_nobody(world: World, software: Software) -> None:
    world.software.clear()
    world.software[A] = software
    assert world.carry_out() == Upgraded("15.20", 4.5)
    assert world.done == [f"upgrade {A}"]
