"""`skytier up` on a cloud."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from skytier.cli import console
from skytier.cli.chosen import cloud_stack
from skytier.cli.cost import data
from skytier.cli.on_cloud import plan as shown
from skytier.cli.progress import Stages, progress
from skytier.costs.planned import PlanCost
from skytier.errors import SkytierError
from skytier.openstack.entry_point import EntryPoint
from skytier.openstack.planned import Plan
from skytier.openstack.quota import refuse_short
from skytier.openstack.stack import CloudStack
from skytier.stackfile import StackFile


def up(
    wanted: StackFile, file: Path | None, given: Mapping[str, Any], *, yes: bool, as_json: bool
) -> None:
    """Plan, confirm, apply, and say where it is. `file` is the stack file's path.

    `given` are the options for this machine; each that is not None is refused.
    """
    _refuse_local_options(given)
    stack = cloud_stack(wanted)
    planned = stack.plan()
    planned.check_application()
    if planned.empty:
        _nothing_to_do(stack, planned, as_json=as_json)
        return
    cost, quota = planned.cost, stack.quota(planned)
    if as_json:
        shown.warn_of_budget(cost)
    else:
        shown.show(planned, quota, file)
    refuse_short(quota)
    if cost.over_budget and cost.over_budget.refused:
        raise typer.Exit(shown.OVER_BUDGET)
    if not as_json:
        _confirm(yes=yes)
    elif not yes:
        raise SkytierError("With --json there is nobody to ask.", "Add --yes.")
    with progress(as_json=as_json) as events:
        try:
            entry = stack.up(planned, events)
        except KeyboardInterrupt:
            raise SkytierError(
                "Interrupted half way. What was made carries the stack's mark.",
                "Run skytier up again: it goes on where it stopped.",
            ) from None
    _summary(stack, cost, entry, events.stages, as_json=as_json)


def _refuse_local_options(given: Mapping[str, Any]) -> None:
    named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if named:
        raise SkytierError(
            f"{', '.join(named)} is for a stack on this machine, and this one is on a cloud.",
            "Say what is wanted in the stack file: skytier init writes one.",
        )


def _confirm(*, yes: bool) -> None:
    console.confirm("Do this?", yes, "This changes a cloud, and there is nobody to ask.")


def _nothing_to_do(stack: CloudStack, planned: Plan, *, as_json: bool) -> None:
    entry = EntryPoint(stack.stack, planned.known)
    entry.wait()
    if as_json:
        said = {"event": "up", "url": entry.url, "changed": False, "waits_for": entry.waits_for()}
        print(json.dumps(said))  # noqa: T201
    else:
        if planned.by_schedule:
            console.out.print(planned.by_schedule, markup=False)
        if planned.stays:
            console.out.print(planned.stays, markup=False)
        if planned.newer_images:
            console.out.print(" ".join(planned.newer_images), markup=False)
        waits = entry.waits_for()
        state = f"up, {waits}" if waits else "up and healthy"
        console.out.print(f"Nothing to do: {entry.url} is {state}.", markup=False)


def _summary(
    stack: CloudStack, paid: PlanCost, entry: EntryPoint, stages: Stages, *, as_json: bool
) -> None:
    url, waits = entry.url, entry.waits_for()
    seconds = {kind: round(took, 1) for kind, took in stages.seconds().items()}
    if as_json:
        cost = paid.after.per_month
        about = {"event": "up", "url": url, "changed": True, "monthly_cost": data.text(cost)}
        about["waits_for"] = waits
        print(json.dumps({**about, "stages": seconds}))  # noqa: T201
        return
    skytier, cloud = console.program(), f"--cloud {stack.cloud}"
    took = ", ".join(f"{kind} {each:.0f} s" for kind, each in seconds.items())
    insecure = "--insecure " if stack.stack.tls == "self-signed" else ""
    rows = [
        *([("Wait", _sentence(waits))] if waits else []),
        ("Page", f"{url}/"),
        *([] if stack.stack.application.is_own else [("API", f"{url}/docs")]),
        ("Try", f"curl {insecure}{url}{stack.stack.runs.health}"),
        ("Look", f"{skytier} status {cloud}"),
        ("Enter", f"{skytier} ssh web {cloud}"),
        ("Remove", f"{skytier} down {cloud}"),
        ("Cost", paid.sentence()),
        ("Took", took),
    ]
    console.out.print()
    for name, value in rows:
        console.out.print(Text.assemble((f"  {name:<7}", "bold"), value))


def _sentence(waits: str) -> str:
    return f"{waits[0].upper()}{waits[1:]}. The certificate comes by itself; see skytier status."
