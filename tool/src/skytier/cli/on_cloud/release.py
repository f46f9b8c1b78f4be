"""`skytier release` on a cloud."""

import json
from pathlib import Path

import typer

from skytier.cli import console
from skytier.cli.chosen import cloud_stack
from skytier.cli.on_cloud import plan as shown
from skytier.cli.progress import progress
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError
from skytier.openstack.releases import steps_of_release
from skytier.stackfile import StackFile

STOPPED = SkytierError(
    "Stopped after the first web server: it has the new release, the others have not.",
    "Go on with skytier release, or back with skytier rollback.",
)


def release(wanted: StackFile, file: Path | None, *, pause: bool, yes: bool, as_json: bool) -> None:
    """Plan, confirm, and release. Raises SkytierError where there is nobody to ask."""
    stack = cloud_stack(wanted)
    planned = stack.plan(anew=True)
    planned.check_application()
    steps, _, rest = steps_of_release(planned.steps)
    if pause and (as_json or not console.out.is_terminal):
        raise SkytierError("--pause asks a question, and there is nobody to ask.", "Leave it out.")
    if not as_json:
        console.out.print(f"The release {planned.resolved.release}: {_machines(steps)}.")
        if others := [s for s in planned.steps if s not in steps and s.action is not Action.KEEP]:
            console.out.print(
                f"The stack file has other changes, which this leaves: {shown.summary(others)} "
                "See skytier plan."
            )
    elif not yes:
        raise SkytierError("With --json there is nobody to ask.", "Add --yes.")
    for warning in planned.warnings:
        console.warn(warning)
    console.confirm("Release it?", yes, "This changes a cloud, and there is nobody to ask.")
    with progress(as_json=as_json) as events:
        entry = stack.release(planned, events, _ask if pause and rest else None)
    changed = _switched(steps) > 0
    if as_json:
        said = {"event": "release", "release": planned.resolved.release}
        print(json.dumps({**said, "changed": changed, "url": entry.url}))  # noqa: T201
        return
    took = ", ".join(f"{kind} {s:.0f} s" for kind, s in events.stages.seconds().items())
    console.out.print(f"{entry.url} serves it." + (f" Took: {took}." if took else ""), markup=False)


def _ask() -> None:
    if not typer.confirm("The first web server has it. Go on with the others?"):
        raise STOPPED


def _switched(steps: list[Step]) -> int:
    return sum(s.key.kind == "release" and s.action is not Action.KEEP for s in steps)


def _machines(steps: list[Step]) -> str:
    number = _switched(steps)
    if not number:
        return "all web servers have it"
    return f"{number} web server{'s' if number > 1 else ''} to switch"
