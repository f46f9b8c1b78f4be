"""The floating IP of the entry point moves to a balancer and back, as steps of plans."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from skytier.costs.usage import Resource, ResourceKind
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do
from skytier.deploy.update import CONFIGURATION, RELEASE, SERVER
from skytier.openstack.entry_point import address_of
from skytier.openstack.machines.access import hosts
from skytier.openstack.plan.planned import Plan
from skytier.openstack.spending import load
from skytier.stackfile import StackFile
from tests.tool.test_order import before, other, planned, resolved, stack_of, taken_away

WEB, BALANCER = "skytier-web-1", "skytier-balancer-1"
SHAPES = {
    "a balancer comes": ((1, "none"), (3, "haproxy"), WEB, BALANCER),
    "a balancer comes to several": ((3, "none"), (3, "haproxy"), WEB, BALANCER),
    "a balancer goes": ((3, "haproxy"), (1, "haproxy"), BALANCER, WEB),
    "a balancer goes from several": ((2, "haproxy"), (3, "none"), BALANCER, WEB),
}


def moving(case: str) -> tuple[StackFile, dict[Key, Found]]:
    """The stack that is wanted, and what is there: the entry point's address by its key now."""
    (count, balancer), then, *_ = SHAPES[case]
    before_it, found = stack_of(count, balancer)
    stack, _ = stack_of(*then)
    entry = {address_of(before_it): address_of(stack)}
    return stack, {
        entry.get(key, key): replace(each, key=entry.get(key, key)) for key, each in found.items()
    }


def carried_out(steps: list[Step], found: Mapping[Key, Found]) -> dict[Key, Found]:
    """What is there once all steps are done."""
    known = Known(found)
    made = [step.wanted for step in steps if step.wanted]
    ids = Known({w.key: known.get(w.key, Found(w.key, f"id of {w.key}", {})) for w in made})
    for want in made:
        facts = {"address": "192.168.128.9", "launched_at": "2026-01-01", "data": ""}
        facts |= {"role": want.creation.get("role", "")}
        known[want.key] = Found(want.key, ids[want.key].id, ids.attributes(want), facts)
    gone = {step.key for step in steps if step.action is Action.DELETE}
    return {key: each for key, each in known.items() if key not in gone}


def way_in(found: dict[Key, Found]) -> list[str]:
    """The machines as ssh reaches them, the bastion first."""
    words = {
        key: replace(
            each,
            id=each.id.replace(" ", "-"),
            attributes={
                name: value.replace(" ", "-") if name == "port" else value
                for name, value in each.attributes.items()
            },
        )
        for key, each in found.items()
    }
    entries = hosts(words)
    assert {each.via for each in entries} <= {None, "", entries[0].name}
    return [each.name for each in entries]


@pytest.mark.parametrize("case", SHAPES)
def test_the_address_moves_once_all_that_takes_over_is_well(case: str) -> None:
    stack, found = moving(case)
    steps = planned(stack, found)
    address = address_of(stack)

    (move,) = [step for step in steps if step.key == address]
    assert move.action is Action.CHANGE
    done = before(steps, address)
    for name in {step.key.name for step in steps if step.wanted and step.key.kind == SERVER}:
        kinds = (SERVER, CONFIGURATION, *([RELEASE] if "-web-" in name else []))
        assert {Key(kind, name) for kind in kinds} <= done
    # Nobody is entered by an address that is still to move.
    for step in steps:
        if step.key.kind in (CONFIGURATION, RELEASE) and step.action is not Action.DELETE:
            assert address not in before(steps, step.key)
    # What is not wanted any more goes after that.
    assert all(address in s.after for s in steps if s.action is Action.DELETE)


@pytest.mark.parametrize("case", SHAPES)
def test_the_plan_after_the_move_closes_what_was_open_and_the_next_one_is_empty(case: str) -> None:
    stack, found = moving(case)
    after = carried_out(planned(stack, found), found)

    closing = planned(stack, after)
    kinds = {step.key.kind for step in closing if step.action is not Action.KEEP}
    assert kinds <= {"security group", CONFIGURATION, RELEASE}
    assert "security group" in kinds
    assert all(s.action in (Action.KEEP, Action.CHANGE) for s in closing)
    assert nothing_to_do(planned(stack, carried_out(closing, after)))


@pytest.mark.parametrize("case", SHAPES)
def test_the_way_in_is_by_the_machine_that_the_address_leads_to(case: str) -> None:
    stack, found = moving(case)
    _, _, former, then = SHAPES[case]
    assert way_in(found)[0] == former
    after = carried_out(planned(stack, found), found)
    assert way_in(after)[0] == then


@pytest.mark.parametrize("case", ["a balancer comes", "a balancer goes"])
def test_an_address_that_leads_to_a_broken_machine_moves_at_once(case: str) -> None:
    stack, found = moving(case)
    former = Key(SERVER, SHAPES[case][2])
    found[former] = other(found[former], power="shutoff")
    steps = planned(stack, found)

    needs = before(steps, address_of(stack))
    assert not any(key.kind in (CONFIGURATION, RELEASE) for key in needs)
    into = [step for step in steps if step.key.kind == CONFIGURATION and taken_away(step)]
    assert all(address_of(stack) in before(steps, step.key) for step in into)


@pytest.mark.parametrize("case", SHAPES)
def test_a_group_is_known_for_as_long_as_a_rule_names_it(case: str) -> None:
    stack, found = moving(case)
    steps = planned(stack, found)
    known = Plan(steps, resolved(stack), "ssh-ed25519 key").known

    groups = [s for s in steps if s.key.kind == "security group" and s.wanted]
    made = {step.key for step in groups if step.action is Action.CREATE}
    named = {
        remote
        for step in groups
        if step.wanted
        for _, remote in step.wanted.attributes["rules"]
        if isinstance(remote, Key)
    }
    assert named
    assert named <= {*known, *made}


@pytest.mark.parametrize("case", ["a balancer comes", "a balancer comes to several"])
def test_the_database_s_group_loses_no_rule_when_a_balancer_comes(case: str) -> None:
    stack, found = moving(case)
    group = Key("security group", "skytier-database")
    steps = planned(stack, found)
    after = carried_out(steps, found)
    for now in (found, after, carried_out(planned(stack, after), after)):
        kept = [
            rule
            for rule in found[group].attributes["rules"]
            if rule in now[group].attributes["rules"]
        ]
        assert kept == found[group].attributes["rules"]


@pytest.mark.parametrize("case", ["a balancer goes", "a balancer goes from several"])
def test_no_size_is_advised_for_a_balancer_that_is_to_go(case: str) -> None:
    stack, found = moving(case)
    plan = Plan(planned(stack, found), resolved(stack), "ssh-ed25519 key")
    assert Key(SERVER, BALANCER) in plan.known
    size = Resource(kind=ResourceKind.SERVER, flavor="m1.small", vcpus=2, ram_mib=4096, disk_gib=20)
    silent: Any = SimpleNamespace(series=lambda *_: [])

    named = {each.name for each in load.machines(plan, silent, [size], 0, 600)}

    wanted = {s.key.name for s in plan.steps if s.wanted and s.found and s.key.kind == SERVER}
    assert named == wanted
    assert WEB in named
    assert BALANCER not in named
