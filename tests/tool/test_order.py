"""In which order machines are changed: of one role, one after another, each well before the next.

And what a plan does about a server in ERROR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openstack.exceptions import ConflictException, ForbiddenException

from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import FLAVOR, Server
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up

PROJECT = Project(cast(Any, None), "skytier")
SMALL = Flavor("1", "m1.small", 2, 4096, 20)
DATABASE = Key("server", "skytier-database-1")
ERROR = "it is in ERROR: no valid host"


def resolved(stack: StackFile) -> ResolvedStack:
    machines = stack.machines()
    choices = Choices(
        dict.fromkeys(machines, Image("i", "debian-12", "2026-01-01")),
        dict.fromkeys(machines, SMALL),
        ExternalNetwork("n", "public"),
    )
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def all_wanted(stack: StackFile, known: Known) -> list[Wanted]:
    return wanted(resolved(stack), PROJECT, "ssh-ed25519 key", known)


def there(stack: StackFile) -> dict[Key, Found]:
    """What is there once a stack is up."""
    return dict(
        brought_up(
            lambda known: all_wanted(stack, known),
            lambda number, each: {
                "address": "192.168.128.9",
                "launched_at": "2026-01-01",
                "data": "",
                "role": each.creation.get("role", ""),
            },
        )
    )


def planned(stack: StackFile, found: Mapping[Key, Found]) -> list[Step]:
    return plan(all_wanted(stack, Known(found)), found.values(), RULES)


@cache
def stack_of(count: int, balancer: str = "none") -> tuple[StackFile, Mapping[Key, Found]]:
    """A stack with so many web servers, and what is there once it is up."""
    # A server without a named image keeps its own.
    stack = parse(f"web.count = {count}\nweb.image = 'debian-12'\nbalancer.kind = '{balancer}'")
    found = there(stack)
    assert nothing_to_do(planned(stack, found))
    return stack, found


def other(found: Found, **attributes: object) -> Found:
    return replace(found, attributes={**found.attributes, **attributes})


CHANGES = {
    "another image": ("server", lambda found: other(found, image="debian-11")),
    "another flavor": ("server", lambda found: other(found, flavor="m1.tiny")),
    "ERROR": ("server", lambda found: replace(found, fault=ERROR, mend="hard reboot")),
    "another configuration": ("configuration", lambda found: other(found, fingerprint="old")),
    "another release": ("release", lambda found: other(found, release="0")),
    "a release to deliver": ("delivery", lambda found: other(found, release="0")),
}
TAKES_AWAY = {Action.CHANGE, Action.REPLACE}


def taken_away(step: Step) -> bool:
    """Whether a machine may serve nobody while this is done."""
    kinds = ("server", "configuration", "release")
    return step.key.kind in kinds and step.action in TAKES_AWAY


def before(steps: Sequence[Step], key: Key) -> set[Key]:
    """All that is done and well before a step begins."""
    by_key = {step.key: step for step in steps if step.action is not Action.DELETE}
    found, left = set[Key](), [key]
    while left:
        for need in by_key[left.pop()].needs:
            if need in by_key and need not in found:
                found.add(need)
                left.append(need)
    return found


@given(
    st.lists(st.sets(st.sampled_from(sorted(CHANGES))), min_size=1, max_size=5),
    st.sets(st.sampled_from(["another flavor", "another configuration"])),
)
def test_of_a_role_no_two_machines_are_ever_away_at_the_same_time(
    changes: list[set[str]], of_database: set[str]
) -> None:
    stack, up = stack_of(len(changes))
    found = dict(up)
    names = [(f"skytier-web-{number}", each) for number, each in enumerate(changes, 1)]
    for name, each in [*names, ("skytier-database-1", of_database)]:
        for change in each:
            kind, make = CHANGES[change]
            found[Key(kind, name)] = make(found[Key(kind, name)])

    steps = planned(stack, found)

    actions = {step.key: step.action for step in steps}
    # What is broken comes first, and then it goes by number.
    turns = sorted(names, key=lambda each: "ERROR" not in each[1])
    away = [
        [step.key for step in steps if step.key.name == name and taken_away(step)]
        for name, _ in turns
    ]
    for turn, keys in enumerate(away):
        # Its release is what asks for the whole machine's health: it comes last, whatever was done.
        health = Key("release", turns[turn][0])
        assert not keys or actions[health] is not Action.KEEP
        assert set(keys) - {health} <= before(steps, health)
        for key in keys:
            done = before(steps, key)
            for earlier in away[:turn]:
                assert set(earlier) <= done
    order = {step.key: index for index, step in enumerate(steps)}
    for step in steps:
        assert all(order[key] < order[step.key] for key in step.needs if key in order)


def released_anew(
    count: int, also: Mapping[int, str], *, new: int = 0, balancer: str = "none"
) -> list[Step]:
    """The plan for another release on so many web servers, where more is to be done to some, and
    `new` ones come beside them."""
    stack, _ = stack_of(count + new, balancer)
    found = dict(stack_of(count + new, balancer)[1])
    for number in range(1, count + 1):
        for kind in ("delivery", "release"):
            key = Key(kind, f"skytier-web-{number}")
            found[key] = other(found[key], release="0")
    for number in range(count + 1, count + new + 1):
        for kind in ("server", "configuration", "delivery", "release"):
            del found[Key(kind, f"skytier-web-{number}")]
    for number, change in also.items():
        kind, make = CHANGES[change]
        key = Key(kind, f"skytier-web-{number}")
        found[key] = make(found[key])
    return planned(stack, found)


@pytest.mark.parametrize("balancer", ["none", "haproxy"])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("new", [0, 1])
def test_a_release_is_on_all_web_servers_that_serve_before_one_is_switched(
    balancer: str, count: int, new: int
) -> None:
    steps = released_anew(count, {}, new=new, balancer=balancer)
    switches = [step.key for step in steps if step.key.kind == "release"]
    deliveries = {Key("delivery", f"skytier-web-{number}") for number in range(1, count + 1)}

    assert len(switches) == count + new
    for switch in switches:
        assert deliveries <= before(steps, switch)


@pytest.mark.parametrize("change", ["another image", "another flavor", "ERROR"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_switch_waits_for_a_release_that_comes_with_a_server_in_its_turn(
    change: str, number: int
) -> None:
    steps = released_anew(3, {number: change})
    name = f"skytier-web-{number}"
    others = [n for n in (1, 2, 3) if n != number]

    for other_number in others:
        switch = before(steps, Key("release", f"skytier-web-{other_number}"))
        assert {Key("delivery", f"skytier-web-{n}") for n in others} <= switch
        # A server that is broken comes before all others, and others after those with less number.
        comes_first = change == "ERROR" or number < other_number
        assert (Key("server", name) in switch) is comes_first


def test_at_first_all_machines_are_set_up_at_the_same_time() -> None:
    steps = planned(parse("web.count = 3"), {})
    for kind in ("server", "configuration"):
        for number in (2, 3):
            one, earlier = (Key(kind, f"skytier-web-{n}") for n in (number, number - 1))
            assert earlier not in before(steps, one)


def test_a_database_server_in_error_is_mended_and_never_replaced() -> None:
    stack = parse("")
    found = there(stack)
    found[DATABASE] = replace(found[DATABASE], fault=ERROR, mend="hard reboot")

    steps = planned(stack, found)

    refuse_losses(steps)
    changed = {step.key: step for step in steps if step.action is not Action.KEEP}
    assert {key: step.action for key, step in changed.items()} == {
        DATABASE: Action.CHANGE,
        # Whether all is well is asked when it is back.
        Key("configuration", "skytier-database-1"): Action.CHANGE,
        Key("release", "skytier-web-1"): Action.CHANGE,
    }
    assert changed[DATABASE].reason == f"{ERROR}: hard reboot"


def test_a_database_server_that_never_ran_has_no_data_to_lose() -> None:
    stack = parse("")
    found = there(stack)
    facts = {**found[DATABASE].facts, "launched_at": None}
    found[DATABASE] = replace(found[DATABASE], fault=ERROR, facts=facts)

    steps = planned(stack, found)

    refuse_losses(steps)
    assert {step.key: step.action for step in steps}[DATABASE] is Action.REPLACE


def test_a_database_server_that_nothing_can_mend_is_left_as_it_is() -> None:
    stack = parse("")
    found = there(stack)
    found[DATABASE] = replace(found[DATABASE], fault="it is being deleted")
    with pytest.raises(LossError, match="lose the data") as refused:
        refuse_losses(planned(stack, found))
    assert "openstack server show" in (refused.value.do or "")


class Nova:
    """One server, and what it answers to a hard reboot and a reset of its state."""

    def __init__(self, *, hangs: bool, admin: bool, mends: bool) -> None:
        self.hangs, self.admin, self.mends = hangs, admin, mends
        self.calls: list[str] = []
        self.server = SimpleNamespace(
            id="s",
            name="skytier-database-1",
            project_id="p",
            status="ERROR",
            task_state="powering-off" if hangs else None,
            launched_at="2026-01-01",
            metadata={"skytier:stack": "skytier", FLAVOR: "m1.small"},
            description="skytier:stack=skytier,skytier:role=,skytier:flavor=m1.small",
            flavor=SimpleNamespace(original_name="m1.small", id="1", vcpus=2, ram=4096, disk=20),
            fault={"message": "no disk"},
            image=None,
            addresses={},
            attached_volumes=[],
            availability_zone="nova",
            created_at="",
        )

    def get_server(self, server_id: str) -> object:
        if self.server.task_state == "reboot_started_hard":
            self.server.task_state = None
            self.server.status = "ACTIVE" if self.mends else "ERROR"
        return self.server

    def reboot_server(self, server: object, kind: str) -> None:
        self.calls.append(f"{kind} reboot")
        if self.hangs:
            raise ConflictException("its task_state is powering-off")
        self.server.task_state = "reboot_started_hard"

    def reset_server_state(self, server: object, state: str) -> None:
        self.calls.append(f"reset to {state}")
        if not self.admin:
            raise ForbiddenException("Policy doesn't allow it")
        self.hangs, self.server.task_state, self.server.status = False, None, "ACTIVE"


def settled(nova: Nova) -> Found:
    connection = SimpleNamespace(compute=nova, current_project_id="p")
    wanted = Wanted(DATABASE, {"flavor": "m1.small"}, {"flavor_id": "1"})
    kind = Server(Project(cast(Any, connection), "skytier"))
    return kind.reconcile(wanted, Found(DATABASE, "s", {}), Known(), lambda text: None)


def test_a_hard_reboot_takes_a_server_out_of_error() -> None:
    nova = Nova(hangs=False, admin=False, mends=True)
    assert settled(nova).facts["status"] == "ACTIVE"
    assert nova.calls == ["HARD reboot"]


def test_a_task_that_hangs_is_taken_away_by_whoever_may() -> None:
    nova = Nova(hangs=True, admin=True, mends=True)
    assert settled(nova).facts["status"] == "ACTIVE"
    assert nova.calls == ["HARD reboot", "reset to active", "HARD reboot"]


@pytest.mark.parametrize(
    ("nova", "said"),
    [
        (Nova(hangs=True, admin=False, mends=True), "reset its state"),
        (Nova(hangs=False, admin=False, mends=False), "The cloud's operator"),
    ],
)
def test_what_cannot_be_mended_keeps_its_disk_and_is_said(nova: Nova, said: str) -> None:
    with pytest.raises(SkytierError, match="no disk") as failed:
        settled(nova)
    assert "Its disk is as it was" in (failed.value.do or "")
    assert said in (failed.value.do or "")


def test_members_that_change_do_not_wait_for_a_new_one_that_they_need() -> None:
    """The first member was lost, its new server ended in ERROR, and the flavor is another one.

    The others read their secrets from the first one.
    """
    stack = parse("database.members = 3\ndatabase.image = 'debian-12'")
    found = dict(there(stack))
    del found[Key("configuration", DATABASE.name)]
    never_ran = {**found[DATABASE].facts, "launched_at": ""}
    found[DATABASE] = replace(found[DATABASE], fault=ERROR, facts=never_ran)
    others = [Key("server", f"skytier-database-{number}") for number in (2, 3)]
    found |= {each: other(found[each], flavor="m1.old") for each in others}

    steps = planned(stack, found)

    assert before(steps, DATABASE).isdisjoint({Key("configuration", each.name) for each in others})
    for each in others:
        assert DATABASE in before(steps, Key("configuration", each.name))
