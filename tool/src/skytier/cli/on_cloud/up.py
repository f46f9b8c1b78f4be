"""`skytier up` on a cloud."""

import json
import shlex
from dataclasses import asdict
from typing import Any

import typer
from rich.text import Text

from skytier.backend import Outcome
from skytier.cli import console, faults
from skytier.cli.cost import data
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import plan as shown
from skytier.cli.on_cloud.confirm import confirm
from skytier.cli.progress import Stages
from skytier.openstack.backend import CloudBackend
from skytier.openstack.choices.quota import refuse_short
from skytier.openstack.entry_point import EntryPoint
from skytier.openstack.plan.planned import Plan


def approve(dialog: Context[CloudBackend], plan: Plan) -> bool:
    """Show the plan, and ask. Raises SkytierError where there is no room for it."""
    plan.check_application()
    if plan.empty:
        _nothing_to_do(dialog, plan)
        return False
    cost, quota = plan.cost, dialog.stack.quota(plan)
    if dialog.as_json:
        shown.warn_of_budget(cost)
    else:
        shown.show(plan, quota, dialog.file)
    refuse_short(quota)
    plan.check_members()
    if cost.over_budget and cost.over_budget.refused:
        raise typer.Exit(shown.OVER_BUDGET)
    confirm(dialog, "Do this, and upgrade the database?" if plan.upgrade else "Do this?")
    return True


def _nothing_to_do(dialog: Context[CloudBackend], plan: Plan) -> None:
    entry = EntryPoint(dialog.stack.stack, plan.known)
    entry.wait()
    if dialog.as_json:
        said: dict[str, Any] = {
            "event": "up",
            "url": entry.url,
            "changed": False,
            "waits_for": entry.waits_for(),
        }
        said |= _by_ipv6(entry.ipv6_url, entry.ask_by_ipv6())
        said["faults"] = [asdict(each) for each in plan.faults]
        print(json.dumps(said))  # noqa: T201
        return
    faults.show(plan.faults)
    if plan.web_servers_now:
        console.out.print(plan.web_servers_now, markup=False)
    if plan.stays:
        console.out.print(plan.stays, markup=False)
    if plan.zones:
        console.out.print(" ".join(plan.zones), markup=False)
    if plan.newer_images:
        console.out.print(" ".join(plan.newer_images), markup=False)
    waits = entry.waits_for()
    state = f"up, {waits}" if waits else "up and healthy"
    if plan.faults:
        state = "up; see above what is wrong"
    console.out.print(f"Nothing to do: {entry.url} is {state}.", markup=False)
    if entry.ipv6_url:
        wrong = entry.ask_by_ipv6()
        console.out.print(wrong or f"By IPv6: {entry.ipv6_url}/", markup=False)


def tell(dialog: Context[CloudBackend], plan: Plan, outcome: Outcome, stages: Stages) -> None:
    """Say where it is, what it costs, and what it waits for."""
    url, waits = outcome.url, outcome.waits_for
    if dialog.as_json:
        cost = plan.cost.after.per_month
        about = {"event": "up", "url": url, "changed": True, "monthly_cost": data.text(cost)}
        about["waits_for"] = waits
        about |= _by_ipv6(outcome.ipv6_url, outcome.ipv6_wrong)
        seconds = {kind: round(took, 1) for kind, took in stages.seconds().items()}
        print(json.dumps({**about, "stages": seconds}))  # noqa: T201
        return
    stack = dialog.stack.stack
    skytier, cloud = console.program(), f"--cloud {dialog.stack.cloud}"
    if dialog.file:  # without it the command is about another stack
        cloud += f" --file {shlex.quote(str(dialog.file))}"
    insecure = "--insecure " if stack.tls == "self-signed" else ""
    rows = [
        *([("Wait", _sentence(waits))] if waits else []),
        ("Page", f"{url}/"),
        *([("IPv6", f"{outcome.ipv6_url}/")] if outcome.ipv6_url else []),
        *([] if stack.application.is_own else [("API", f"{url}/docs")]),
        ("Try", f"curl {insecure}{url}{stack.runs.health}"),
        ("Look", f"{skytier} status {cloud}"),
        ("Enter", f"{skytier} ssh web {cloud}"),
        *([("Keep", f"{skytier} backup key {cloud}, in a safe place")] if plan.backups else []),
        ("Remove", f"{skytier} down {cloud}"),
        ("Cost", plan.cost.sentence()),
        ("Took", str(stages)),
    ]
    console.out.print()
    for name, value in rows:
        console.out.print(Text.assemble((f"  {name:<7}", "bold"), value))
    if outcome.ipv6_wrong:
        console.warn(outcome.ipv6_wrong)


def _by_ipv6(url: str, wrong: str) -> dict[str, str]:
    """For scripts; nothing for a stack without IPv6."""
    return {"ipv6_url": url, "ipv6_wrong": wrong} if url else {}


def _sentence(waits: str) -> str:
    return f"{waits[0].upper()}{waits[1:]}. The certificate comes by itself; see skytier status."
