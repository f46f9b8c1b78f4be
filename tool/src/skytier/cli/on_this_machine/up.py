"""`skytier up` on this machine."""

import json
import shlex

from rich.text import Text

from skytier.backend import Outcome
from skytier.cli import console
from skytier.cli.dialog import Context
from skytier.cli.progress import Stages
from skytier.local.backend import LocalBackend
from skytier.local.planned import Plan
from skytier.openstack.login import clouds


def approve(dialog: Context[LocalBackend], plan: Plan) -> bool:
    """Warn. Nobody is asked, since it costs nothing and deletes nothing, unless another application
    is here."""
    named = clouds.of_shell()
    if named and not dialog.as_json:
        # Other tools of OpenStack go there without a word.
        elsewhere = f"skytier up --cloud {shlex.quote(named)}"
        console.err.print(
            f"This is the stack on this machine. This shell names the cloud {named}: for a stack "
            f"there, {console.callable_here(elsewhere)}",
            markup=False,
        )
    _replace(dialog, plan)
    return True


def approve_release(dialog: Context[LocalBackend], plan: Plan, *, pause: bool) -> None:
    """The same, for a stack that is there."""
    _replace(dialog, plan)


def _replace(dialog: Context[LocalBackend], plan: Plan) -> None:
    for warning in plan.warnings:
        console.warn(warning)
    if plan.replaces:
        home = dialog.stack.home.path
        console.warn(
            f"{home} has {plan.replaces}. This one takes its place, and gets its database. To run "
            "both, set SKYTIER_HOME to another directory, and give another --port."
        )
        console.confirm("Replace it?", dialog.yes, "Another application is there.")


def tell(dialog: Context[LocalBackend], plan: Plan, outcome: Outcome, stages: Stages) -> None:
    """Say where it is, and what it lacks."""
    if outcome.not_watched:
        what = outcome.not_watched.what
        console.err.print(Text.assemble(("The stack runs without its monitor: ", "yellow"), what))
        console.err.print("To run it without a monitor: skytier up --no-monitor")
    if dialog.as_json:
        said = {"event": "up", "url": outcome.url, "changed": outcome.changed}
        print(json.dumps(said))  # noqa: T201
    else:
        _summary(dialog.stack, outcome)


def tell_release(
    dialog: Context[LocalBackend], plan: Plan, outcome: Outcome, stages: Stages
) -> None:
    """The same; as JSON, with the release."""
    if not dialog.as_json:
        tell(dialog, plan, outcome, stages)
        return
    said = {"event": "release", "release": dialog.stack.serving}
    print(json.dumps({**said, "changed": outcome.changed, "url": outcome.url}))  # noqa: T201


def _summary(stack: LocalBackend, outcome: Outcome) -> None:
    if stack.stays:
        console.out.print(stack.stays)
    if not outcome.changed:
        console.out.print(f"Nothing to do: {outcome.url} is up and healthy.", markup=False)
        return
    if not stack.nginx.installed:
        console.out.print("Nginx is not on this machine: the application serves alone.")
    skytier, is_own = console.program(), stack.is_own
    rows = [
        ("Page", f"{outcome.url}/"),
        *([] if is_own else [("API", f"{outcome.url}/docs")]),
        ("Try", f"curl {outcome.url}{stack.program.health}"),
        ("Look", f"{skytier} status, {skytier} logs --follow"),
        *([] if is_own else [("Fill", f"{skytier} demo-data --users 1000 --posts 100000")]),
        ("Stop", f"{skytier} down"),
        ("Data", str(stack.home.path)),
    ]
    console.out.print()
    for name, value in rows:
        console.out.print(Text.assemble((f"  {name:<6}", "bold"), value))
