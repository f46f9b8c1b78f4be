"""A plan as people and as scripts read it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from skytier.cli import console, faults
from skytier.cli.cost import data, priced
from skytier.cli.on_cloud import changes
from skytier.cli.on_cloud import quota as quotas
from skytier.costs.planned import PlanCost
from skytier.deploy.plan import Action, Step
from skytier.openstack.choices.quota import MORE_ROOM, Row
from skytier.openstack.plan.planned import Plan
from skytier.stackfile.exposure import exposures

SIGNS = {
    Action.KEEP: ("=", "dim"),
    Action.CREATE: ("+", "green"),
    Action.CHANGE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
}


OVER_BUDGET = 4
"""The exit code of a plan that the stack file's budget refuses."""
_REFUSED = (
    "skytier up refuses it, since cost.budget_enforce is true. Raise cost.budget in the stack "
    "file, set cost.budget_enforce = false, or make the plan smaller."
)


def show(
    plan: Plan,
    quota: Sequence[Row],
    file: Path | None = None,
    *,
    everything: bool = False,
    parts: bool = False,
) -> None:
    """Print a table of the steps, what they come to, and what it costs a month.

    Quotas are shown where they are short, or will be low; with `parts` the cost is shown part by
    part, too. What is open to everybody is told with the line of the stack file `file`.
    """
    cost = plan.cost
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "Resource", "Name", "Why"):
        table.add_column(heading)
    table.add_column(f"{cost.rates.currency} a month", justify="right")
    network = plan.resolved.choices.external_network
    names = {network.id: network.name, **changes.names(plan.steps)}
    for step in plan.steps:
        if step.action is Action.KEEP and not everything:
            continue
        sign, style = SIGNS[step.action]
        amount = cost.monthly(step)
        table.add_row(
            Text(sign, style),
            step.key.kind,
            step.key.name,
            _why(step, names),
            "" if amount is None else f"{amount}",
        )
    console.out.print(plan.place, markup=False)
    if table.rows:
        console.out.print(table)
    faults.show(plan.faults)
    console.out.print(summary(plan.steps))
    if plan.networks:
        console.out.print(plan.networks, markup=False)
    if plan.web_servers_now:
        console.out.print(plan.web_servers_now, markup=False)
    if plan.stays:
        console.out.print(plan.stays, markup=False)
    if plan.members:
        console.out.print(" ".join(plan.members), markup=False)
    if plan.zones:
        console.out.print(" ".join(plan.zones), markup=False)
    if plan.upgrade:
        console.out.print(plan.upgrade, markup=False)
    if plan.newer_images:
        console.out.print(" ".join(plan.newer_images), markup=False)
    if parts and cost.after.resources:
        console.out.print(priced.table(cost.after))
    console.out.print(cost.sentence(), style="dim")
    for note in cost.notes:
        console.out.print(Text(note, "dim"))
    if cost.before.resources and cost.difference.words:
        console.out.print(str(cost.difference), markup=False)
    if plan.backups:
        console.out.print(console.callable_here(plan.backups), markup=False)
    for exposure in exposures(plan.resolved.stack, file):
        console.out.print(Text.assemble(("Open: ", "bold yellow"), str(exposure)))
    warn_of_budget(cost)
    for warning in plan.warnings:
        console.warn(warning)
    if rows := quotas.worth_showing(quota):
        console.out.print(quotas.table(rows))
    if any(row.short_by for row in rows):
        text = f"The project has no room for this plan: skytier up refuses it. {MORE_ROOM}"
        console.out.print(text, style="red")


def warn_of_budget(cost: PlanCost) -> None:
    """Say when the plan is above the budget, and what to do if it is refused; on stderr."""
    if over := cost.over_budget:
        do = f" {_REFUSED}" if over.refused else ""
        console.err.print(Text.assemble(("Budget: ", "bold yellow"), f"{over}{do}"))


def summary(steps: Iterable[Step]) -> str:
    """`7 to create, 1 to change, 12 as they are.`"""
    count = Counter(step.action for step in steps)
    words = [f"{count[a]} to {a}" for a in Action if a is not Action.KEEP and count[a]]
    kept = [f"{count[Action.KEEP]} as they are"] if count[Action.KEEP] else []
    return f"{', '.join([*words, *kept]) or 'Nothing'}."


def as_json(plan: Plan, quota: Sequence[Row], file: Path | None = None) -> str:
    """The plan for scripts; money is a string, so that it stays exact."""
    cost = plan.cost
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
            "by_hand": step.by_hand or None,
            "id": step.found.id if step.found else None,
            "needs": [str(key) for key in step.needs],
            "monthly_cost": data.text(cost.monthly(step)),
        }
        for step in plan.steps
    ]
    answer: dict[str, Any] = {
        "cloud": plan.resolved.stack.cloud,
        "region": plan.region or None,
        "steps": steps,
        "schedule": plan.web_servers_now or None,
        "pinned_release": plan.resolved.pinned.id if plan.resolved.pinned else None,
        "members": plan.members,
        "zones": plan.zones,
        "newer_image": " ".join(plan.newer_images) or None,
        "monthly_cost": data.text(cost.after.per_month),
        "monthly_cost_before": data.text(cost.before.per_month),
        "currency": cost.rates.currency,
        "cost": data.of_bill(cost.after) | data.of_changes(cost.before, cost.after),
        "budget": data.text(plan.resolved.stack.cost.budget),
        "over_budget": cost.over_budget is not None,
        "quota": [asdict(row) for row in quota],
        "faults": [asdict(each) for each in plan.faults],
        "warnings": plan.warnings,
        "backups": plan.backups or None,
        "upgrade": plan.upgrade or None,
        "open": [asdict(each) for each in exposures(plan.resolved.stack, file)],
    }
    return json.dumps(answer, indent=2, default=str)


def _why(step: Step, names: Mapping[str, str]) -> Text:
    text = Text(step.reason if step.action is not Action.CREATE else "")
    for line in changes.in_words(step, names):
        text.append(f"\n{line}", "dim")
    if step.loses:
        text.append(f"\nwould lose {step.loses}: refused", "bold red")
    if step.by_hand:
        text.append("\nleft as it is: refused", "bold red")
    return text
