"""Servers that boot from volumes: wanted + found -> steps, and what is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from skytier.costs.planned import PlanCost
from skytier.costs.rates import EXAMPLE
from skytier.deploy.apply import LossError, refuse_losses
from skytier.deploy.kind import Found, Key, Known, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do, plan
from skytier.errors import SkytierError
from skytier.openstack.choices import roots
from skytier.openstack.choices.choices import Choices, ExternalNetwork, smallest_good_flavor
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

from .brought_up import brought_up

ZERO, DISK = Flavor("0", "zero", 2, 4096, 0), Flavor("1", "m1.small", 2, 4096, 20)
WEB, DATABASE = Key("root volume", "skytier-web-1"), Key("root volume", "skytier-database-1")
SERVER, DATABASE_SERVER = Key("server", "skytier-web-1"), Key("server", "skytier-database-1")
PROJECT = Project(cast(Any, None), "skytier")
PLAIN = parse("")


def choices(stack: StackFile, flavor: Flavor) -> Choices:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01", 3))
    flavors = dict.fromkeys(stack.machines(), flavor)
    return Choices(
        images,
        flavors,
        ExternalNetwork("n", "public"),
        roots=roots.choose(stack, flavors, images),
    )


def all_wanted(stack: StackFile, known: Known, flavor: Flavor) -> list[Wanted]:
    resolved = ResolvedStack(stack, choices(stack, flavor), ROLES, NOTHING)
    return wanted(resolved, PROJECT, "ssh-ed25519 key", known)


def there(stack: StackFile, flavor: Flavor) -> dict[Key, Found]:
    """What is there once a stack is up."""
    return dict(
        brought_up(
            lambda known: all_wanted(stack, known, flavor),
            lambda number, each: {
                "address": "192.168.128.9",
                "data": "",
                "role": each.creation.get("role", ""),
                "launched_at": "2026-01-01",
                "vcpus": 2,
                "ram_mib": 4096,
            },
        )
    )


def steps(found: Mapping[Key, Found], stack: StackFile, flavor: Flavor) -> list[Step]:
    return plan(all_wanted(stack, Known(found), flavor), found.values(), RULES)


def changed(steps: Sequence[Step]) -> dict[Key, Action]:
    kinds = ("server", "root volume")
    return {s.key: s.action for s in steps if s.action is not Action.KEEP and s.key.kind in kinds}


def test_a_flavor_without_a_disk_gets_root_volumes_with_their_price_and_quota() -> None:
    made = steps({}, PLAIN, ZERO)

    assert changed(made)[WEB] == changed(made)[DATABASE] == Action.CREATE
    needs = of_steps(made, {"web": ZERO, "database": ZERO})
    assert (needs.volumes, needs.gigabytes) == (2, 40)
    whole = whole_plan(PLAIN, {"web": ZERO, "database": ZERO}, {"web": 20, "database": 20})
    assert (whole.volumes, whole.gigabytes) == (2, 40)
    cost = PlanCost(EXAMPLE.on(), PLAIN, made, {"web": ZERO, "database": ZERO})
    [step] = [step for step in made if step.key == WEB]
    assert cost.monthly(step) == 2
    assert nothing_to_do(steps(there(PLAIN, ZERO), PLAIN, ZERO))


def test_a_flavor_with_a_disk_gets_none_unless_it_is_asked_for() -> None:
    assert not {WEB, DATABASE} & changed(steps({}, PLAIN, DISK)).keys()
    made = changed(steps({}, parse("web.root_gib = 10"), DISK))
    assert WEB in made
    assert DATABASE not in made


def test_a_server_that_runs_from_the_flavors_disk_stays_as_it_is() -> None:
    """On some clouds a flavor of disk 0 has a disk as large as the image."""
    found = {
        key: replace(each, attributes={**each.attributes, "root_gib": 0})
        for key, each in there(PLAIN, ZERO).items()
        if key.kind != "root volume"
    }
    made = steps(found, PLAIN, ZERO)
    assert changed(made) == {}
    # The monitor is told of what there is to pay for: now no root volumes.
    assert {s.key.name for s in made if s.action is Action.CHANGE} == {SERVER.name}


def test_another_size_makes_the_server_anew_with_another_volume() -> None:
    found = there(parse("web.root_gib = 10"), DISK)
    made = steps(found, parse("web.root_gib = 20"), DISK)

    assert changed(made) == {SERVER: Action.REPLACE, WEB: Action.CREATE}
    # The old one goes before the new one is made.
    needs = of_steps(made, {"web": DISK, "database": DISK})
    assert (needs.volumes, needs.gigabytes) == (0, 10)
    refuse_losses(made)


def test_a_root_volume_that_somebody_enlarged_stays() -> None:
    stack = parse("web.root_gib = 10")
    found = there(stack, DISK)
    larger = {**found[WEB].attributes, "size_gib": 30}
    found[WEB] = replace(found[WEB], attributes=larger)
    assert nothing_to_do(steps(found, stack, DISK))


def test_a_database_in_error_that_boots_from_its_image_is_mended_without_a_volume() -> None:
    found = {key: each for key, each in there(PLAIN, ZERO).items() if key != DATABASE}
    server = found[DATABASE_SERVER]
    found[DATABASE_SERVER] = replace(
        server,
        attributes={**server.attributes, "root_gib": 0},
        fault="it is in ERROR",
        mend="hard reboot",
    )
    assert changed(steps(found, PLAIN, ZERO)) == {DATABASE_SERVER: Action.CHANGE}


def test_a_database_on_its_root_volume_is_not_made_anew() -> None:
    found = there(parse("root_gib = 10"), DISK)
    with pytest.raises(LossError):
        refuse_losses(steps(found, parse("database.root_gib = 20\nweb.root_gib = 10"), DISK))


def test_a_server_that_is_gone_gets_a_new_volume_even_if_an_old_one_is_left() -> None:
    found = there(PLAIN, ZERO)
    left = replace(found.pop(WEB), fault="no server has it")
    made = changed(steps({**found, WEB: left} | {}, PLAIN, ZERO))
    assert made == {WEB: Action.REPLACE}
    del found[SERVER]
    made = changed(steps({**found, WEB: left}, PLAIN, ZERO))
    assert made == {SERVER: Action.CREATE, WEB: Action.CREATE}


def test_a_root_volume_is_deleted_after_its_server() -> None:
    found = there(PLAIN, ZERO)
    gone = plan([], found.values(), RULES)
    [volume] = [step for step in gone if step.key == WEB]
    assert SERVER in volume.needs
    # One that a killed run left goes as well.
    [alone] = plan([], [found[WEB]], RULES)
    assert (alone.key, alone.action) == (WEB, Action.DELETE)


def test_of_several_that_are_left_none_is_deleted_beside_a_server_that_may_take_it() -> None:
    found = there(PLAIN, ZERO)
    server, volume = found.pop(SERVER), found.pop(WEB)
    left = [replace(volume, id=each, fault="no server has it") for each in ("a", "b")]
    known = Known({**found, WEB: left[0]})
    made = plan(all_wanted(PLAIN, known, ZERO), [*found.values(), *left], RULES)
    assert [s.action for s in made if s.key == WEB] == [Action.CREATE]
    # With its server there, the one that no server has is a duplicate.
    has = replace(left[0], id="c", fault="")
    known = Known({**found, SERVER: server, WEB: has})
    made = plan(all_wanted(PLAIN, known, ZERO), [*known.values(), left[1]], RULES)
    assert [(s.action, s.found and s.found.id) for s in made if s.key == WEB] == [
        (Action.KEEP, "c"),
        (Action.DELETE, "b"),
    ]


def test_a_size_below_what_the_image_needs_is_refused() -> None:
    stack, image = parse("web.root_gib = 2"), Image("i", "debian-12", "2026-01-01", 3)
    with pytest.raises(SkytierError, match=r"needs a disk of 3 GiB, and web.root_gib is 2"):
        roots.choose(stack, {"web": DISK, "database": DISK}, {"web": image, "database": image})
    with pytest.raises(SkytierError, match="needs a disk of 4 GiB"):
        roots.choose(
            stack,
            {"web": DISK, "database": DISK},
            dict.fromkeys(stack.machines(), replace(image, virtual_gib=4)),
        )
    by_itself = roots.choose(
        PLAIN,
        {"web": ZERO, "database": DISK},
        dict.fromkeys(("web", "database"), replace(image, min_disk_gib=40)),
    )
    assert by_itself == {"web": 40, "database": 0}


def test_without_cinder_it_is_said_what_asks_for_a_volume() -> None:
    assert "root_gib" in str(roots.refuse_without_cinder(parse("root_gib = 9"), "web", ZERO).do)
    assert "Name a flavor" in str(roots.refuse_without_cinder(PLAIN, "web", ZERO).do)


def test_a_newcomer_gets_a_flavor_without_a_disk_where_there_is_no_other() -> None:
    found = smallest_good_flavor([ZERO], None)
    assert found is not None
    assert found[0] == ZERO
    assert "boot from volumes" in found[1]
    large = replace(DISK, name="large")
    assert smallest_good_flavor([ZERO, large], None) == (
        large,
        "the smallest with 2 vCPU and 4 GiB of RAM",
    )


@pytest.mark.parametrize(
    ("text", "flavor", "cost"),
    [
        ("", DISK, "274.10"),
        # Two flavors without 20 GB each, and two volumes of 20 GB.
        ("", ZERO, "274.10"),
        ("root_gib = 20", ZERO, "274.10"),
        ("web.root_gib = 30", ZERO, "275.10"),
        ("database.root_gib = 10", DISK, "275.10"),
    ],
)
def test_the_monitor_knows_the_cost_with_root_volumes(text: str, flavor: Flavor, cost: str) -> None:
    stack = parse(text)
    resolved = ResolvedStack(stack, choices(stack, flavor), ROLES, NOTHING)
    for known in (Known(), Known(there(stack, flavor))):
        assert str(resolved.topology(known).spending.per_month) == cost
    made = steps({}, stack, flavor)
    planned = PlanCost(EXAMPLE.on(), stack, made, resolved.choices.flavors)
    assert str(planned.after.per_month) == cost


def test_the_monitor_s_cost_has_no_volume_of_a_server_that_has_none() -> None:
    found = Known(there(PLAIN, ZERO))
    for key in (SERVER, DATABASE_SERVER):
        found[key] = replace(found[key], attributes={**found[key].attributes, "root_gib": 0})
    resolved = ResolvedStack(PLAIN, choices(PLAIN, ZERO), ROLES, NOTHING)
    assert str(resolved.topology(found).spending.per_month) == "270.10"
    # One that is made anew gets one, and the other one keeps what it has.
    del found[SERVER]
    assert str(resolved.topology(found).spending.per_month) == "272.10"


def test_the_type_of_a_volume_has_its_own_price() -> None:
    stack = parse('root_gib = 10\nvolume_type = "ssd"\nweb.volume_type = "fast"')
    rates = EXAMPLE.model_copy(update={"volume_type_gb_month": {"fast": 1}})
    cost = PlanCost(rates.on(), stack, made := steps({}, stack, DISK), {"web": DISK})
    prices = {s.key: cost.monthly(s) for s in made if s.key in (WEB, DATABASE)}
    assert prices == {WEB: 10, DATABASE: 1}
