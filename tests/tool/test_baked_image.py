"""A baked image: what is planned for it, which image new servers get, and which ones stay."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from openstack.image.v2.image import Image as GlanceImage

from skytier.costs.planned import PlanCost
from skytier.costs.rates import EXAMPLE
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices.choices import Choices, ExternalNetwork, Flavor
from skytier.openstack.choices.given_network import GivenNetwork, Subnet
from skytier.openstack.choices.images import Image
from skytier.openstack.commands import bake as command
from skytier.openstack.plan import baking
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.needs import of_steps, whole_plan
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.baked_image import BAKES, is_baked
from skytier.openstack.resources.project import Project
from skytier.roles import ROLES
from skytier.services.system.service import BAKED, USER_DATA_LIMIT, encoded_size
from skytier.stackfile import StackFile, parse
from tests.applications import NOTHING

from .brought_up import brought_up

BASE = 'name = "shop"\nimage = "debian-12"\n[web]\n'
PLAIN, WITH = parse(BASE), parse(f"{BASE}image_baked = true")
FLAVOR = Flavor("1", "m1.small", 2, 4096, 20)
PROJECT = Project(cast(Any, None), "shop")
WEB, GROUP = Key("server", "shop-web-1"), Key("security group", "shop-image")


def resolved(stack: StackFile, image: str = "a", flavor: Flavor = FLAVOR) -> ResolvedStack:
    roles = stack.machines()
    images = dict.fromkeys(roles, Image(image, "debian-12", "2026-01-01"))
    choices = Choices(images, dict.fromkeys(roles, flavor), ExternalNetwork("n", "public"))
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def steps(found: Mapping[Key, Found], asked: ResolvedStack) -> list[Step]:
    all_wanted = wanted(asked, PROJECT, "ssh-ed25519 key", Known(found))
    return plan(all_wanted, found.values(), RULES)


def there(asked: ResolvedStack) -> dict[Key, Found]:
    """What is there once a stack is up."""
    return dict(
        brought_up(
            lambda known: wanted(asked, PROJECT, "ssh-ed25519 key", known),
            lambda number, each: {
                "address": "192.168.128.9",
                "role": each.creation.get("role", ""),
                "data": "",
                "launched_at": "2026-01-01",
                "bytes": 2 * 2**30,
                "image_id": each.creation.get("image_id"),
            },
        )
    )


def image_of(step: Step) -> Any:
    assert step.wanted
    return step.wanted.creation["image_id"]


def changed(steps: list[Step]) -> dict[Key, Action]:
    return {step.key: step.action for step in steps if step.action is not Action.KEEP}


def test_a_stack_that_asks_for_none_has_nothing_of_it() -> None:
    kinds = {step.key.kind for step in steps({}, resolved(PLAIN))}
    assert "image" not in kinds
    assert GROUP not in {step.key for step in steps({}, resolved(PLAIN))}


def test_a_stack_that_is_up_bakes_one_and_nothing_else_changes() -> None:
    image = baking.key(resolved(WITH), "web")
    todo = steps(there(resolved(PLAIN)), resolved(WITH))
    assert changed(todo) == {GROUP: Action.CREATE, image: Action.CREATE}
    # The number of web servers follows the load all the while.
    assert Plan(todo, resolved(WITH), "").leaves_machines
    assert not Plan(steps({}, resolved(WITH)), resolved(WITH), "").leaves_machines
    assert nothing_to_do(steps(there(resolved(WITH)), resolved(WITH)))


def test_a_new_server_gets_it_once_it_is_there() -> None:
    image = baking.key(resolved(WITH), "web")
    first = {step.key: step for step in steps({}, resolved(WITH))}
    assert image_of(first[WEB]) == "a"
    assert image not in first[WEB].needs
    more = parse(f"{BASE}image_baked = true\ncount = 2")
    then = {step.key: step for step in steps(there(resolved(WITH)), resolved(more))}
    assert then[image].action is Action.KEEP
    assert then[WEB].action is Action.KEEP
    assert image_of(then[Key("server", "shop-web-2")]) == f"id of {image}"
    assert image_of(then[Key("server", "shop-database-1")]) == "a"


@pytest.mark.parametrize(
    "other",
    [
        resolved(WITH, "another build"),
        resolved(parse(f'{BASE}image_baked = true\npackages = ["htop"]')),
        resolved(WITH, flavor=replace(FLAVOR, name="m1.disk", disk_gib=10)),
    ],
    ids=["base image", "packages", "disk"],
)
def test_it_is_baked_again_and_the_former_one_goes_when_no_server_was_made_from_it(
    other: ResolvedStack,
) -> None:
    before, after = baking.key(resolved(WITH), "web"), baking.key(other, "web")
    assert before != after
    found = there(resolved(WITH))
    assert found[WEB].facts["image_id"] == found[before].id
    todo = {step.key: step.action for step in baking.steps(steps(found, other))}
    assert (todo[before], todo[after]) == (Action.KEEP, Action.CREATE)
    found[WEB] = replace(found[WEB], facts={**found[WEB].facts, "image_id": "a"})
    todo = {step.key: step.action for step in baking.steps(steps(found, other))}
    assert (todo[before], todo[after]) == (Action.DELETE, Action.CREATE)


def test_a_flavor_without_a_disk_is_refused() -> None:
    with pytest.raises(SkytierError, match=r"m1\.small: it has no disk") as error:
        steps({}, resolved(WITH, flavor=replace(FLAVOR, disk_gib=0)))
    assert "web.image_baked" in error.value.do


def test_a_network_of_several_subnets_is_refused() -> None:
    asked = resolved(parse(f'network = "provider"\n{BASE}image_baked = true'))
    for subnets in (1, 2):
        given = GivenNetwork("p", "provider", Subnet("s", "s", "203.0.113.0/24"), subnets)
        on_it = replace(asked, choices=replace(asked.choices, given=given))
        if subnets == 1:
            assert baking.key(on_it, "web")
            continue
        with pytest.raises(SkytierError, match="several subnets"):
            baking.key(on_it, "web")


def test_what_was_cut_short_is_gone_on_with() -> None:
    image = baking.key(resolved(WITH), "web")
    found = there(resolved(WITH))
    for attributes in ({"status": "baking", "builder": "b"}, {"status": "active", "builder": "b"}):
        found[image] = replace(found[image], attributes=attributes)
        assert changed(steps(found, resolved(WITH))) == {image: Action.CHANGE}
    found[image] = replace(found[image], fault="it is killed")
    assert changed(steps(found, resolved(WITH))) == {image: Action.REPLACE}


def test_only_what_it_needs_is_made_for_it() -> None:
    made = [step.key for step in baking.steps(steps({}, resolved(WITH)))]
    assert {key.kind for key in made} == {"network", "subnet", "router", "security group", "image"}
    assert [key for key in made if key.kind == "security group"] == [GROUP]
    group = next(step for step in steps({}, resolved(WITH)) if step.key == GROUP)
    assert group.wanted
    assert group.wanted.attributes["rules"] == []


def test_the_network_that_neutron_allocates_is_made_before_it_is_planned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    planned = SimpleNamespace(
        check_same=lambda approved: done.append("compared"), steps=[], known=Known({})
    )
    stack = SimpleNamespace(
        held=lambda what, lost: nullcontext(),
        make_network=lambda: done.append("network"),
        kinds={},
    )

    def plan_bake(asked: object) -> object:
        done.append("planned")
        return planned

    monkeypatch.setattr(command, "plan_bake", plan_bake)
    command.bake(cast(Any, stack), cast(Any, planned), cast(Any, None))
    assert done == ["network", "planned", "compared"]


def test_down_deletes_it_before_what_its_builder_stands_in() -> None:
    image = baking.key(resolved(WITH), "web")
    gone = plan([], there(resolved(WITH)).values(), RULES)
    order = [step.key.kind for step in gone]
    assert order.index("server") < order.index("image") < order.index("network")
    of_network = next(step for step in gone if step.key.kind == "network")
    assert image in of_network.needs


def test_it_has_a_price_and_its_builder_takes_room() -> None:
    image = baking.key(resolved(WITH), "web")
    flavors = dict.fromkeys(WITH.machines(), FLAVOR)
    kept = steps(there(resolved(WITH)), resolved(WITH))
    step = next(step for step in kept if step.key == image)
    assert PlanCost(EXAMPLE, WITH, kept, flavors).monthly(step) == 2 * EXAMPLE.image_gb_month
    todo = steps(there(resolved(PLAIN)), resolved(WITH))
    needed = of_steps(todo, flavors)
    assert (needed.instances, needed.cores, needed.ports, needed.security_groups) == (1, 2, 1, 1)
    assert whole_plan(WITH, flavors).instances == whole_plan(PLAIN, flavors).instances + 1


def test_the_builder_has_no_account_and_no_package_of_the_first_server_alone() -> None:
    text = resolved(WITH).bake_data("web")
    assert yaml.safe_load(text)["users"] == [{"name": "root", "lock_passwd": False}]
    assert BAKED in text
    assert "nginx" in text
    assert "prometheus-alertmanager" not in text
    assert encoded_size(text) < USER_DATA_LIMIT


@pytest.mark.parametrize(
    ("name", "status", "stack", "mine"),
    [
        ("shop-web-1a2b3c4d", "active", "shop", True),
        ("shop-web-1a2b3c4d", "killed", "shop", True),
        ("shop-web-1a2b3c4d", "deleted", "shop", False),
        ("shop-web-1a2b3c4d", "active", "blog", False),
        ("before the upgrade", "active", "shop", False),
        ("shop-web-1-shelved", "active", "shop", False),
    ],
)
def test_a_snapshot_of_a_server_made_from_it_is_left_alone(
    name: str, status: str, stack: str, mine: bool
) -> None:
    """Nova gives a snapshot all properties of the image that its server was made from."""
    properties = {**Project(cast(Any, None), stack).metadata, BAKES: "shop-web-1a2b3c4d"}
    image = GlanceImage(name=name, status=status, **properties)
    assert is_baked(image, PROJECT) is mine
