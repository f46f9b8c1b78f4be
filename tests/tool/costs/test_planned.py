"""What a plan costs: before, after, the difference, and the budget."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from skytier.cli.on_cloud import plan as shown
from skytier.costs.bill import Bill, difference, of_file
from skytier.costs.budget import per_month
from skytier.costs.planned import PlanCost
from skytier.costs.price import price
from skytier.costs.rates import EXAMPLE
from skytier.deploy.kind import Found, Known, Wanted
from skytier.deploy.plan import Step, plan
from skytier.openstack.choices.choices import Choices, ExternalNetwork
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.images import Image
from skytier.openstack.plan.desired import wanted
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.project import Project
from skytier.roles import ROLES
from skytier.stackfile import StackFile, load, parse
from tests.applications import NOTHING

SMALL, LARGE = Flavor("1", "m1.small", 1, 2048, 20), Flavor("4", "m1.large", 4, 8192, 80)
SIZES = {each.name: each for each in (SMALL, LARGE)}


def flavors(stack: StackFile) -> dict[str, Flavor]:
    return {role: SIZES[s.flavor or stack.flavor] for role, s in stack.machines().items()}


def resolved(stack: StackFile) -> ResolvedStack:
    images = dict.fromkeys(stack.machines(), Image("i", "debian-12", "2026-01-01"))
    choices = Choices(images, flavors(stack), ExternalNetwork("n", "public"))
    return ResolvedStack(stack, choices, ROLES, NOTHING)


def everything(stack: StackFile) -> list[Wanted]:
    """All that a stack is made of; nothing of it asks the connection."""
    project = Project(None, stack.name)  # type: ignore[arg-type]
    return wanted(resolved(stack), project, "ssh-ed25519 key", Known())


def there(stack: StackFile) -> list[Found]:
    """What is found once a stack is up, as far as prices go by it."""
    return [
        Found(
            each.key,
            str(each.key),
            each.attributes,
            {
                "role": each.creation.get("role", ""),
                "address": "",
                **(_size(each.attributes["flavor"]) if each.key.kind == "server" else {}),
            },
        )
        for each in everything(stack)
    ]


def _size(flavor: str) -> dict[str, int]:
    size = SIZES[flavor]
    return {"vcpus": size.vcpus, "ram_mib": size.ram_mib, "disk_gib": size.disk_gib}


def steps(before: StackFile | None, after: StackFile) -> Sequence[Step]:
    return plan(everything(after), there(before) if before else [], RULES)


def cost(before: StackFile | None, after: StackFile) -> PlanCost:
    return PlanCost(EXAMPLE, after, steps(before, after), flavors(after))


ONE, THREE = StackFile(), parse("web.count = 3")


def test_a_plan_from_nothing_costs_two_servers_and_a_floating_ip() -> None:
    found = cost(None, ONE)

    assert [str(each.total.per_month) for each in (found.before, found.after)] == ["0.00", "142.70"]
    rates = "by example rates, not those of your cloud."
    assert found.sentence() == f"142.70 USD a month (+142.70), {rates}"


CHANGES = {
    "two web servers more": (
        ONE,
        THREE,
        "+203.10 USD/month: 1 → 3 web servers, 0 → 1 balancer server",
    ),
    "two web servers less": (
        THREE,
        ONE,
        "-203.10 USD/month: 3 → 1 web server, 1 → 0 balancer servers",
    ),
    "larger web servers": (
        ONE,
        parse("web.flavor = 'm1.large'"),
        "+203.10 USD/month: web server m1.small → m1.large",
    ),
    "nothing": (ONE, ONE, "+0.00 USD/month"),
}


@pytest.mark.parametrize(("before", "after", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_said_with_its_reason(before: StackFile, after: StackFile, said: str) -> None:
    assert str(cost(before, after).difference) == said


def test_steps_have_the_price_of_what_they_make_or_delete() -> None:
    found = cost(THREE, ONE)

    prices = {str(step.key): found.monthly(step) for step in found.steps}
    assert prices["server skytier-web-3"] == Decimal("67.70"), "what its deletion saves"
    assert prices["floating IP skytier-web-1"] == Decimal("7.30")
    assert prices["network skytier-network"] is None


def test_a_server_of_an_unknown_size_has_no_known_price() -> None:
    found = [
        Found(each.key, each.id, {**each.attributes, "flavor": "m9"}, {"role": "web"})
        if each.key.name == "skytier-web-1" and each.key.kind == "server"
        else each
        for each in there(ONE)
    ]
    made = PlanCost(EXAMPLE, ONE, plan(everything(ONE), found, RULES), flavors(ONE))

    assert made.before.unknown == {
        "the rates have no flavor_hour.m9": ["server skytier-web-1"],
    }


@pytest.mark.parametrize("text", ["", "web.count = 3", "flavor = 'm1.large'"])
def test_an_estimate_of_the_file_is_what_the_plan_says(text: str) -> None:
    stack = parse(text)
    alone = Bill(EXAMPLE, of_file(stack, ROLES, flavors(stack)))
    planned = cost(None, stack).after

    assert alone.total == planned.total
    assert {str(r) for r in alone.resources} == {str(r) for r in planned.resources}
    assert not difference(alone, planned).words


def test_a_plan_over_the_budget_is_warned_of_and_refused_only_when_it_is_enforced() -> None:
    warned = cost(ONE, parse("web.count = 3\n[cost]\nbudget = 200")).over_budget
    refused = cost(ONE, parse("web.count = 3\n[cost]\nbudget = 200\nbudget_enforce = true"))

    assert warned
    assert not warned.refused
    assert str(warned) == (
        "This would cost 345.80 USD a month, and the budget is 200 USD: 145.80 USD too much."
    )
    assert refused.over_budget
    assert refused.over_budget.refused
    assert cost(ONE, parse("[cost]\nbudget = 142.70")).over_budget is None


def test_what_costs_no_more_than_what_is_there_is_never_refused() -> None:
    two = "web.count = 2\n[cost]\nbudget = 100\nbudget_enforce = true"

    fewer, same = cost(THREE, parse(two)).over_budget, cost(parse(two), parse(two)).over_budget

    assert fewer
    assert same
    assert not fewer.refused
    assert not same.refused


def test_the_monitor_is_told_cost_and_budget() -> None:
    stack = parse("[cost]\nbudget = 200.5")

    found = per_month(EXAMPLE, stack, ROLES, flavors(stack))

    assert (found.currency, str(found.per_month)) == ("USD", "142.70")
    assert str(found.budget_per_month) == "200.5"
    assert per_month(EXAMPLE, ONE, ROLES, flavors(ONE)).budget_per_month is None


def test_a_plan_is_shown_with_its_parts_the_difference_and_the_budget(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = parse("web.count = 3\n[cost]\nbudget = 200\nbudget_enforce = true")
    planned = Plan(steps(ONE, stack), resolved(stack), "ssh-ed25519 key")

    shown.show(planned, [], parts=True)

    said = capsys.readouterr()
    rows = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "+ server skytier-web-2 67.70" in rows
    assert "RAM 2 GiB 0.02/hour 0.040000 29.20" in rows
    assert "total 0.473700 345.80" in rows
    assert "+203.10 USD/month: 1 → 3 web servers, 0 → 1 balancer server" in rows
    assert "145.80 USD too much. skytier up refuses it" in said.err
    assert "Raise cost.budget in the stack file" in said.err


def test_a_plan_for_scripts_has_the_same_figures() -> None:
    stack = parse("web.count = 3\n[cost]\nbudget = 200")
    planned = Plan(steps(ONE, stack), resolved(stack), "ssh-ed25519 key")

    found = json.loads(shown.as_json(planned, []))

    assert [found[key] for key in ("monthly_cost_before", "monthly_cost", "budget")] == [
        "142.70",
        "345.80",
        "200",
    ]
    assert found["over_budget"] is True
    assert found["cost"]["difference"] == "203.10"
    assert len(found["cost"]["resources"]) == 6


OPEN = {
    "by default": ("", ["tls", "ssh_from"]),
    "past Nginx": (
        'tls = "self-signed"\nssh_from = ["10.0.0.0/8"]\napi_from = ["0.0.0.0/0"]',
        ["api_from"],
    ),
    "on a network of others": (
        'network = "shared"\ntls = "self-signed"\nssh_from = ["10.0.0.0/8"]',
        ["network"],
    ),
    "nothing": ('tls = "self-signed"\nssh_from = ["10.0.0.0/8"]', []),
}


@pytest.mark.parametrize(("text", "keys"), OPEN.values(), ids=OPEN.keys())
def test_a_plan_says_what_is_open_and_where_to_close_it(
    text: str, keys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(text)
    stack = load(file)
    planned = Plan(steps(None, stack), resolved(stack), "ssh-ed25519 key")

    shown.show(planned, [], file)
    told = " ".join(capsys.readouterr().out.split())
    found = json.loads(shown.as_json(planned, [], file))["open"]

    assert [each["key"] for each in found] == keys
    assert told.count("Open: ") == len(keys)
    for each in found:
        assert f"{each['key']} = " in each["do"]
        # Lines are broken where the terminal ends, also in the path.
        assert f"Open: {each['said']}" in told
        assert each["do"].removeprefix(str(file))[-60:].strip() in told


def test_labels_and_roles_are_on_every_resource() -> None:
    stack = parse("labels = {team = 'shop'}")
    resources = of_file(stack, ROLES, flavors(stack))

    assert {each.labels["team"] for each in resources} == {"shop"}
    assert {each.role for each in resources if each.flavor} == {"web", "database"}
    assert all(price(EXAMPLE, each).per_month for each in resources)
