"""`skytier scale`"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skytier import files
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.dialog import carry_out_up
from skytier.cli.versions import with_versions
from skytier.errors import SkytierError
from skytier.stackfile import DEFAULT_PATH, StackFile, parse
from skytier.stackfile.read import text_of

if TYPE_CHECKING:
    from skytier.deploy.scaling import Decision
    from skytier.openstack.backend import CloudBackend
    from skytier.openstack.plan.planned import Plan

app = typer.Typer()


@dataclass(frozen=True)
class Asked:
    """`web=3`, `web=+1` or `web=-1`."""

    number: int
    is_relative: bool

    def of(self, now: int) -> int:
        """The number of web servers, where there are so many now."""
        return now + self.number if self.is_relative else self.number


def _asked(value: str | None) -> Asked | None:
    if value is None:
        return None
    found = re.fullmatch(r"web=([+-]?)(\d{1,3})", value)
    if found is None:
        raise typer.BadParameter(f"{value!r} is not web=3, web=+1 or web=-1.")
    return Asked(int(found[1] + found[2]), bool(found[1]))


@app.command(
    epilog="Exit codes: 0 done, or nothing to do; 1 it failed, or figures are missing; 4 the plan "
    "is above the budget, and cost.budget_enforce is true.\n\nExamples: skytier scale web=3, or "
    "from a timer: skytier scale --auto --yes"
)
def scale(
    asked: Annotated[
        str | None,
        typer.Argument(metavar="[web=NUMBER]", help="web=3, or web=+1 for one more."),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option("--auto", help="Change it by the CPU in use, within web.count = {min, max}."),
    ] = False,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Change the number of web servers on a cloud.

    A number is written into the stack file as `web.count` and carried out as by `skytier up`.
    Without a number it says how many web servers the load asks for, and changes nothing. With
    --auto it changes the number to that. It never goes beyond the budget and the quota, and does
    nothing when figures are missing or the stack was changed a short time ago.
    """
    wanted = _asked(asked)
    if wanted and auto:
        raise typer.BadParameter("Give a number or --auto, not both.")
    read = chosen.stack_file(file, cloud)
    if wanted:
        _to(wanted, read, file, yes=yes, as_json=as_json)
        return
    _by_load(read, file, auto=auto, yes=yes, as_json=as_json)


def _to(asked: Asked, read: StackFile, file: Path | None, *, yes: bool, as_json: bool) -> None:
    if read.cloud is None:
        raise chosen.no_cloud()
    # Loaded only here: it brings tomlkit along, which no other command needs.
    from skytier.stackfile.edit import with_web_servers

    path = file or DEFAULT_PATH
    text = text_of(path)
    automatic = read.web.automatic
    now = chosen.cloud_stack(read).stack.web.machines if automatic else read.web.machines
    count = asked.of(now)
    if automatic and automatic.nearest(count) != count:
        raise SkytierError(
            f"web.count allows {automatic.min} to {automatic.max} web servers, not {count}.",
            f"Change it in {path}.",
        )
    # An automatic number is that of the web servers that are there, so it is not written down.
    changed = text if automatic else with_web_servers(text, count)
    parse(changed, str(path))
    dialog = chosen.dialog(having(read, count), file, yes=yes, as_json=as_json)
    plan = with_versions(dialog.stack)
    todo = dialog.approve_up(plan)
    if changed != text:
        files.write(path, changed, path.stat().st_mode & 0o777)
    if not todo:
        return
    try:
        carry_out_up(dialog, plan)
    except SkytierError as error:
        if asked.is_relative:
            # The same command would count from the new number.
            raise SkytierError(error.what, f"{error.do} Then go on with: skytier up") from error
        raise


def _by_load(read: StackFile, file: Path | None, *, auto: bool, yes: bool, as_json: bool) -> None:
    stack = chosen.cloud_stack(read)
    from skytier.openstack.commands.scaling import decision

    if auto and stack.automatic is None:
        raise SkytierError(
            "web.count is a fixed number in the stack file, and --auto needs limits.",
            "Write, for example: web.count = {min = 2, max = 6, cpu = 60}",
        )
    decided = decision(stack)
    now = decided.there
    if not auto or decided.count == now:
        how = "--auto" if stack.automatic else f"web={decided.count}"
        _say(decided, now, f"Do it: skytier scale {how}", as_json=as_json)
        return
    if not stack.plan().leaves_machines:
        raise SkytierError(
            f"There should be {_servers(decided.count)}: {decided.why} But the stack is not as the "
            "stack file and the source say, so nothing is scaled.",
            "See skytier plan, then run skytier up.",
        )
    obstacle = ""
    # As many as there is room for: a smaller number is planned where a larger one has none.
    for count in range(decided.count, now, -1) if decided.count > now else [decided.count]:
        dialog = chosen.dialog(having(read, count), file, yes=yes, as_json=as_json)
        plan = dialog.stack.plan()
        short = _obstacle(stack, plan) if count > now else ""
        if not short:
            less = f"It becomes {_servers(count)}. With {count + 1}: {obstacle}" if obstacle else ""
            _say(decided, now, less, as_json=as_json)
            if dialog.approve_up(plan):
                carry_out_up(dialog, plan)
            return
        obstacle = short
    _say(decided, now, f"Nothing is changed. With {now + 1}: {obstacle}", as_json=as_json)


def having(read: StackFile, count: int) -> StackFile:
    """As the stack file will be read. An automatic number keeps its limits."""
    web = read.web
    changed = web.having(count) if web.automatic else web.model_copy(update={"count": count})
    return read.model_copy(update={"web": changed})


def _obstacle(stack: "CloudBackend", plan: "Plan") -> str:
    """Why there may be no more web servers, in a sentence; empty where there may."""
    from skytier.openstack.choices.quota import sentence

    if plan.cost.over_budget:
        return str(plan.cost.over_budget)
    short = [sentence(row) for row in stack.quota(plan) if row.short_by]
    return f"The project has no room ({'; '.join(short)})." if short else ""


def _say(decided: "Decision", now: int, then: str, *, as_json: bool) -> None:
    if as_json:
        told = {"event": "scale", "web_servers": now, "wanted": decided.count, "why": decided.why}
        print(json.dumps({**told, "note": then or None}))  # noqa: T201
        return
    wanted = "which stays" if decided.count == now else f"{decided.count} would be better"
    console.out.print(f"{_servers(now)}, {wanted}: {decided.why}", markup=False)
    if then and decided.count != now:
        console.out.print(then, markup=False)


def _servers(count: int) -> str:
    return f"{count} web server{'' if count == 1 else 's'}"
