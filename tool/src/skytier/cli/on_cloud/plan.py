"""A plan as people and as scripts read it."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console
from skytier.cli.cost import data, priced
from skytier.cloud.stack import Plan
from skytier.costs import rates
from skytier.costs.planned import PlanCost
from skytier.plan import Action, Step

SIGNS = {
    Action.KEEP: ("=", "dim"),
    Action.CREATE: ("+", "green"),
    Action.CHANGE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
}


OVER_BUDGET = 4
"""The exit code of a plan that the stack file's budget refuses."""


def cost_of(plan: Plan) -> PlanCost:
    """What a plan costs, by the rates that its stack file names."""
    stack, flavors = plan.blueprint.stack, plan.blueprint.choices.flavors
    return PlanCost(rates.for_stack(stack), stack, plan.steps, flavors)


def show(plan: Plan, cost: PlanCost, *, everything: bool = False, parts: bool = False) -> None:
    """Print a table of the steps, what they come to, and what it costs a month.

    With `parts` the cost is shown part by part, too.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "Resource", "Name", "Why"):
        table.add_column(heading)
    table.add_column(f"{cost.rates.currency} a month", justify="right")
    for step in plan.steps:
        if step.action is Action.KEEP and not everything:
            continue
        sign, style = SIGNS[step.action]
        amount = cost.monthly(step)
        table.add_row(
            Text(sign, style),
            step.key.kind,
            step.key.name,
            _why(step),
            "" if amount is None else f"{amount}",
        )
    if table.rows:
        console.out.print(table)
    console.out.print(summary(plan.steps))
    if parts and cost.after.resources:
        console.out.print(priced.table(cost.after))
    console.out.print(cost.sentence(), style="dim")
    if cost.before.resources and cost.difference.words:
        console.out.print(str(cost.difference), markup=False)
    warn_of_budget(cost)


def warn_of_budget(cost: PlanCost) -> None:
    """Say when the plan would pass the budget, and what that means; on stderr."""
    if over := cost.over_budget:
        do = "The stack file refuses that: cost.budget_enforce." if over.refused else ""
        console.err.print(Text.assemble(("Budget: ", "bold yellow"), f"{over} {do}".rstrip()))


def summary(steps: Iterable[Step]) -> str:
    """`7 to create, 1 to change, 12 as they are.`"""
    count = Counter(step.action for step in steps)
    words = [f"{count[a]} to {a}" for a in Action if a is not Action.KEEP and count[a]]
    kept = [f"{count[Action.KEEP]} as they are"] if count[Action.KEEP] else []
    return f"{', '.join([*words, *kept]) or 'Nothing'}."


def as_json(plan: Plan, cost: PlanCost) -> str:
    """The plan for scripts; money is a string, so that it stays exact."""
    steps = [
        {
            "resource": step.key.name,
            "kind": step.key.kind,
            "action": str(step.action),
            "reason": step.reason,
            "changes": [
                {"attribute": c.attribute, "old": c.old, "new": c.new} for c in step.changes
            ],
            "loses": step.loses or None,
            "id": step.found.id if step.found else None,
            "needs": [str(key) for key in step.needs],
            "monthly_cost": data.text(cost.monthly(step)),
        }
        for step in plan.steps
    ]
    answer: dict[str, Any] = {
        "steps": steps,
        "monthly_cost": str(cost.after.total.per_month),
        "monthly_cost_before": str(cost.before.total.per_month),
        "currency": cost.rates.currency,
        "cost": data.of_bill(cost.after) | data.of_changes(cost.before, cost.after),
        "budget": data.text(plan.blueprint.stack.cost.budget),
        "over_budget": cost.over_budget is not None,
    }
    return json.dumps(answer, indent=2, default=str)


def _why(step: Step) -> Text:
    text = Text(step.reason if step.action is not Action.CREATE else "")
    for change in step.changes:
        text.append(f"\n{change.attribute}: {_short(change.old)} → {_short(change.new)}", "dim")
    if step.loses:
        text.append(f"\nwould lose {step.loses}: refused", "bold red")
    return text


def _short(value: Any) -> str:
    text = "none" if value in (None, "", []) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
