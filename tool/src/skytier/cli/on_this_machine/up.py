"""`skytier up` on this machine."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from skytier.cli import console
from skytier.cli.chosen import local_stack
from skytier.cli.on_this_machine.progress import progress
from skytier.errors import SkytierError
from skytier.local.options import ELSEWHERE
from skytier.local.stack import LocalStack, Outcome
from skytier.stackfile import StackFile


def up(
    wanted: StackFile, file: Path | None, given: Mapping[str, Any], *, yes: bool, as_json: bool
) -> None:
    """Bring it up by the options that were given, and say where it is."""
    bring_up(wanted, given, anew=False, as_json=as_json)


def bring_up(wanted: StackFile, given: Mapping[str, Any], *, anew: bool, as_json: bool) -> None:
    """The same. `anew` releases the source, also where a rollback led to another release."""
    stack = local_stack(wanted)
    for warning in stack.program.warnings():
        console.warn(warning)
    with progress(as_json=as_json) as events:
        try:
            outcome = stack.up(events, anew=anew, **_options(given))
        except KeyboardInterrupt:
            raise SkytierError(
                "Interrupted half way. What was started goes on running.",
                "Run skytier up again: it goes on where it stopped.",
            ) from None
    if outcome.not_watched:
        what = outcome.not_watched.what
        console.err.print(Text.assemble(("It runs, and is not watched: ", "yellow"), what))
        console.err.print("Go without: skytier up --no-monitor")
    if as_json:
        said = {"event": "up", "url": outcome.url, "changed": outcome.changed}
        print(json.dumps(said))  # noqa: T201
    else:
        _summary(stack, outcome, is_own=wanted.application.is_own)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the command as those of the stack: `none` means none any more."""
    options = {name: value for name, value in given.items() if value is not None}
    if "://" in options.get("postgres", ""):
        options |= {"postgres": ELSEWHERE, "database_url": options["postgres"]}
    if "redis" in options:
        options["redis_url"] = options.pop("redis")
    for name in ("alerts_to", "redis_url"):
        if options.get(name) == "none":
            options[name] = ""
    return options


def _summary(stack: LocalStack, outcome: Outcome, *, is_own: bool) -> None:
    if stack.stays:
        console.out.print(stack.stays)
    if not outcome.changed:
        console.out.print(f"Nothing to do: {outcome.url} is up and healthy.", markup=False)
        return
    if not outcome.behind_nginx:
        console.out.print("Nginx is not on this machine: the application serves alone.")
    skytier = console.program()
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
