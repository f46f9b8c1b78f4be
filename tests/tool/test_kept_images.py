"""Without `image` in the stack file servers keep theirs, whatever appears in the cloud."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, nothing_to_do, plan
from skytier.openstack.choices import choices, kept_images
from skytier.openstack.choices.choices import ExternalNetwork, Offered
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image, Offer
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

PROJECT: Any = SimpleNamespace(tags=["skytier:stack=skytier"], metadata={})
WEB, DATABASE = Key("server", "skytier-web-1"), Key("server", "skytier-database-1")


def offers(*names: str, status: str = "active") -> list[Offer]:
    return [Offer(Image(f"id of {n}", n, "2026-01-01T00:00:00Z"), status) for n in names]


def planned(stack: StackFile, images: Sequence[Offer], found: Sequence[Found] = ()) -> Plan:
    cloud = Offered(
        images, [Flavor("1", "m1.small", 1, 2048, 20)], [ExternalNetwork("n", "public")]
    )
    servers = [each for each in found if each.key.kind == "server"]
    resolved = ResolvedStack(stack, choices.choose(cloud, stack, servers), ROLES, NOTHING)
    known = Known({each.key: each for each in found})
    steps = plan(wanted(resolved, PROJECT, "ssh-ed25519 A", known), found, RULES)
    return Plan(steps, resolved, "ssh-ed25519 A")


def brought_up(stack: StackFile, *images: str) -> list[Found]:
    """What is there once a stack is up in a cloud with these images."""
    found: list[Found] = []
    for _ in range(2):  # configurations go by the addresses of the others
        steps = planned(stack, offers(*images), found).steps
        ids = Known({s.key: Found(s.key, f"id of {s.key}", {}) for s in steps})
        found = [
            Found(
                s.key,
                ids[s.key].id,
                ids.attributes(s.wanted),
                {
                    "address": "192.168.128.9",
                    "data": "kept",
                    "launched_at": "2026-01-01T00:00:00Z",
                    "vcpus": 1,
                    "ram_mib": 2048,
                    **{n: s.wanted.creation.get(n) for n in ("role", "number")},
                },
            )
            for s in steps
            if s.wanted
        ]
    return found


STACK = StackFile()
UP = brought_up(STACK, "ubuntu-24.04")


def changed(plan: Plan) -> dict[Key, Action]:
    return {s.key: s.action for s in plan.steps if s.action is not Action.KEEP}


def image_of(plan: Plan, key: Key) -> tuple[str, str]:
    """What a server is to be called made of, and the id of what it is made of."""
    (step,) = [s for s in plan.steps if s.key == key]
    assert step.wanted
    return step.wanted.attributes["image"], step.wanted.creation["image_id"]


def test_a_newer_lts_changes_nothing_and_the_plan_says_how_to_take_it() -> None:
    found = planned(STACK, offers("ubuntu-24.04", "ubuntu-26.04"), UP)

    assert nothing_to_do(found.steps)
    assert found.newer_images == [
        "The cloud has a newer image, ubuntu-26.04. The servers keep theirs: ubuntu-24.04.",
        'To take it, set web.image = "ubuntu-26.04" in the stack file: then skytier up replaces '
        "them.",
        "The database server cannot take it as long as its data is on its own disk: first set "
        "database.volume_gib and run skytier up.",
    ]


def test_with_the_data_on_a_volume_all_servers_can_take_it_by_one_line() -> None:
    stack = parse("database.volume_gib = 10")
    there = brought_up(stack, "ubuntu-24.04")
    both = offers("ubuntu-24.04", "ubuntu-26.04")

    found = planned(stack, both, there)
    assert nothing_to_do(found.steps)
    assert 'set image = "ubuntu-26.04" in the stack file' in found.newer_images[1]
    assert len(found.newer_images) == 2

    taken = planned(parse('image = "ubuntu-26.04"\ndatabase.volume_gib = 10'), both, there)
    assert changed(taken)[WEB] == changed(taken)[DATABASE] == Action.REPLACE
    assert not any(step.loses for step in taken.steps)
    assert taken.newer_images == []


def test_the_line_that_the_plan_tells_replaces_the_web_server_alone() -> None:
    both = offers("ubuntu-24.04", "ubuntu-26.04")
    taken = planned(parse('web.image = "ubuntu-26.04"'), both, UP)

    assert changed(taken)[WEB] == Action.REPLACE
    assert DATABASE not in changed(taken)
    assert not any(step.loses for step in taken.steps)


@pytest.mark.parametrize("left", [[], ["debian-12"], ["ubuntu-26.04", "debian-13"]])
def test_an_image_that_the_cloud_gave_up_is_kept_by_those_that_have_it(left: list[str]) -> None:
    there = offers(*left) or offers("ubuntu-24.04", status="deactivated") + offers("debian-12")
    assert nothing_to_do(planned(STACK, there, UP).steps)


def test_another_web_server_gets_the_image_of_the_first_as_long_as_there_is_one() -> None:
    second = Key("server", "skytier-web-2")
    two = parse("web.count = 2")

    found = planned(two, offers("ubuntu-26.04", "ubuntu-24.04"), UP)
    assert image_of(found, second) == ("ubuntu-24.04", "id of ubuntu-24.04")
    assert WEB not in changed(found)

    found = planned(two, offers("ubuntu-26.04"), UP)
    assert image_of(found, second) == ("ubuntu-26.04", "id of ubuntu-26.04")
    assert WEB not in changed(found)


def test_a_broken_server_is_made_anew_of_its_own_image() -> None:
    broken = [replace(each, fault="x") if each.key == WEB else each for each in UP]

    found = planned(STACK, offers("ubuntu-26.04", "ubuntu-24.04"), broken)
    assert changed(found)[WEB] == Action.REPLACE
    assert image_of(found, WEB) == ("ubuntu-24.04", "id of ubuntu-24.04")

    found = planned(STACK, offers("ubuntu-26.04"), broken)
    assert image_of(found, WEB) == ("ubuntu-26.04", "id of ubuntu-26.04")


def test_a_new_stack_gets_the_newest() -> None:
    found = planned(STACK, offers("ubuntu-26.04", "ubuntu-24.04"))

    assert image_of(found, WEB) == ("ubuntu-26.04", "id of ubuntu-26.04")
    assert found.newer_images == []


NOT_NEWER = {
    "another build": ["ubuntu-24.04", "ubuntu-24.04-20270101"],
    "an older version": ["ubuntu-22.04", "ubuntu-24.04"],
    "no LTS": ["ubuntu-24.04", "ubuntu-26.10"],
    "another distribution": ["debian-13"],
    "for something special": ["ubuntu-24.04", "ubuntu-26.04-gpu"],
}


@pytest.mark.parametrize("case", NOT_NEWER)
def test_what_is_not_newer_is_not_told(case: str) -> None:
    assert planned(STACK, offers(*NOT_NEWER[case]), UP).newer_images == []


NAME = st.sampled_from(
    [f"{d}-{v}{s}" for d in ("ubuntu", "Ubuntu_") for v in ("22.04", "24.04", "26.04", "28.04")
     for s in ("", "-20270101", "-gpu")] + ["debian-12", "debian-13", "rocky-9", "noble"]
)  # fmt: skip


@settings(max_examples=10)
@given(
    names=st.lists(NAME, unique=True, max_size=6),
    hidden=st.booleans(),
    up=st.sampled_from(["ubuntu-24.04", "debian-12", "noble"]),
)
def test_whatever_appears_in_the_cloud_replaces_no_server(
    names: list[str], hidden: bool, up: str
) -> None:
    there = [replace(each, hidden=hidden) for each in offers(*names)] + offers(up)
    was = _UP[up]
    assert nothing_to_do(planned(STACK, there, was).steps)


_UP = {name: brought_up(STACK, name) for name in ("ubuntu-24.04", "debian-12", "noble")}


def test_the_images_of_a_role_begin_with_its_first_servers() -> None:
    def server(number: int, image: str) -> Found:
        return Found(
            Key("server", f"w{number}"), "", {"image": image}, {"role": "web", "number": number}
        )

    there = [server(10, "c"), server(2, "b"), server(1, "")]
    assert kept_images.names(there, "web") == ["b", "c"]
    assert kept_images.names(there, "database") == []
