"""Machines on different hosts and in several zones: what is planned."""

from typing import Any, cast

from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, plan
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.roles import ROLES
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

SPREAD = parse("spread = true\nweb.count = 3")
ZONES = parse('availability_zone = ["a", "b"]\nweb.count = 3')
GROUPS = [Key("server group", "skytier-web"), Key("server group", "skytier-database")]


def all_wanted(stack: StackFile) -> list[Wanted]:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    choices = Choices(images, flavors(stack), ExternalNetwork("n", "public"))
    resolved = ResolvedStack(stack, choices, ROLES, NOTHING)
    return wanted(resolved, Project(cast(Any, None), "skytier"), "ssh-ed25519 key", Known())


def flavors(stack: StackFile) -> dict[str, Flavor]:
    return dict.fromkeys(stack.machines(), Flavor("1", "m1.small", 2, 4096, 20))


def test_web_and_database_servers_are_members_of_groups_that_are_there_before() -> None:
    made = {each.key: each for each in all_wanted(SPREAD)}
    assert [key for key in made if key.kind == "server group"] == GROUPS
    for key, each in made.items():
        if key.kind == "server":
            group = Key("server group", f"skytier-{each.creation['role']}")
            member = group in GROUPS
            assert each.creation.get("group") == (group if member else None)
            assert (group in each.needs) == member


def test_without_the_key_nothing_of_a_server_says_a_group_or_a_zone() -> None:
    for each in all_wanted(parse("")):
        assert each.key.kind != "server group"
        assert "group" not in each.creation
        assert each.creation.get("zone") is None


def test_groups_count_and_so_does_the_largest_one() -> None:
    steps = plan(all_wanted(SPREAD), [], RULES)
    for needs in (of_steps(steps, flavors(SPREAD)), whole_plan(SPREAD, flavors(SPREAD))):
        assert (needs.server_groups, needs.server_group_members) == (2, 3)


def test_a_group_goes_after_its_servers() -> None:
    found = [Found(key, key.name, {}) for key in (GROUPS[0], Key("server", "skytier-web-1"))]
    [server, group] = plan([], found, RULES)
    assert (server.key.kind, group.key, group.action) == ("server", GROUPS[0], Action.DELETE)
    assert server.key in group.needs


def test_machines_take_the_zones_in_turn() -> None:
    zones = {
        each.key.name: each.creation["zone"]
        for each in all_wanted(ZONES)
        if each.key.kind == "server"
    }
    assert [zones[f"skytier-web-{number}"] for number in (1, 2, 3)] == ["a", "b", "a"]
    assert parse('availability_zone = "fake"').zone_of("web", 7) == "fake"
