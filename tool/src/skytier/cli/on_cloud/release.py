"""`skytier release` on a cloud."""

import json
from collections.abc import Sequence

from skytier.backend import Outcome
from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.cli.on_cloud import plan as shown
from skytier.cli.on_cloud.confirm import confirm
from skytier.cli.progress import Stages
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.backend import CloudBackend
from skytier.openstack.plan.planned import Plan
from skytier.openstack.plan.releases import steps_of_release, switches


def approve(dialog: Context[CloudBackend], plan: Plan, *, pause: bool) -> None:
    """Show what is switched and what is left, and ask."""
    plan.check_application()
    steps, _, _ = steps_of_release(plan.steps)
    if pause and (dialog.as_json or not console.out.is_terminal):
        raise SkytierError(
            "--pause asks a question, and there is no terminal to ask it.", "Leave it out."
        )
    if not dialog.as_json:
        console.out.print(f"The release {plan.resolved.release}: {_machines(steps)}.")
        if others := [s for s in plan.steps if s not in steps and s.action is not Action.KEEP]:
            console.out.print(
                f"The stack file has other changes, which this leaves: {shown.summary(others)} "
                "See skytier plan."
            )
    confirm(dialog, "Release it?", plan.warnings)


def tell(dialog: Context[CloudBackend], plan: Plan, outcome: Outcome, stages: Stages) -> None:
    """Say which release serves, and where."""
    if dialog.as_json:
        said = {"event": "release", "release": plan.resolved.release}
        print(json.dumps({**said, "changed": outcome.changed, "url": outcome.url}))  # noqa: T201
        return
    took = f" Took: {stages}." if stages.ended else ""
    console.out.print(f"{outcome.url} serves it.{took}", markup=False)


def _machines(steps: Sequence[Step]) -> str:
    number = switches(steps)
    if not number:
        return "all web servers have it"
    return f"{number} web server{'s' if number > 1 else ''} to switch"
