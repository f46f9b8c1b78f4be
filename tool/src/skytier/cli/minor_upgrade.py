"""`skytier database upgrade`"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.progress import progress
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.patroni.minor_upgrade import Turn, Work
from skytier.services.patroni.software import Software, upstream

if TYPE_CHECKING:
    from skytier.openstack.commands.minor_upgrade import Intended, Upgraded

app = typer.Typer()
HEALTHY_S = 120.0


@app.command(epilog="Example: skytier database upgrade --cloud mycloud")
def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring PostgreSQL on a cloud to the newest minor version that the distribution has.

    Of several members one after another is upgraded and restarted, replicas first. Then one of them
    takes over from the primary, which comes last. Nothing that was acknowledged is lost. If there
    is only one member, the database is away meanwhile. Run it again to finish one that was
    interrupted.
    """
    wanted = chosen.with_database(file, cloud)
    stack = chosen.cloud_stack(wanted)
    intended = stack.minor_upgrade_intended()
    if as_json and (dry_run or not intended.turns):
        print(json.dumps(_data(intended)))  # noqa: T201
    elif not as_json:
        _show(intended)
    if dry_run or not intended.turns:
        return
    console.confirm(
        f"Upgrade PostgreSQL of {wanted.name}?",
        yes,
        "This interrupts the database, and there is no terminal to confirm it.",
    )
    with progress(as_json=as_json) as events:
        done = stack.upgrade_minor(intended, events)
    healthy = bool(until(lambda: stack.status().healthy, HEALTHY_S, 5))
    _tell(done, healthy=healthy, as_json=as_json)


def left(machine: str, software: Software) -> str:
    """What is left to do on a machine for the newest version to serve."""
    if software.newer:
        what = f"{software.newer} is available"
    elif software.unfinished:
        what = "an installation was interrupted"
    else:
        what = f"{upstream(software.installed)} is installed, and serves after a restart"
    return f"{machine}: {what}: skytier database upgrade"


def _show(intended: "Intended") -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Member", "Role", "Serves", "Installed", "Available"):
        table.add_column(heading, no_wrap=True)
    for each in intended.found.members:
        software = each.software or Software("", "", "", unfinished=False)
        versions = (software.running or "nothing", software.installed, software.newer)
        table.add_row(each.machine, each.role, *versions)
    console.out.print(table)
    for machine, why in intended.stale.items():
        console.warn(
            f"{machine} could not update its package lists, so a newer version may be missing "
            f"here: {why}"
        )
    if not intended.turns:
        console.out.print("The newest version that is known serves. There is nothing to do.")
        return
    for number, turn in enumerate(intended.turns, 1):
        words = _words(turn, len(intended.found.members))
        console.out.print(f"{number}. {words}", markup=False)


def _words(turn: Turn, members: int) -> str:
    if turn.work is Work.SWITCHOVER:
        return (
            f"{turn.machine}: a replica takes over from it. Writes stop for some seconds, and are "
            "answered with an error then."
        )
    what = f"{turn.installs} is installed, and PostgreSQL" if turn.installs else "PostgreSQL"
    if members == 1:
        return (
            f"{turn.machine}: {what} is restarted. It is the only member: reads and writes fail "
            "meanwhile. That usually takes seconds; the exact time is not known beforehand."
        )
    alone = " Until it is back, new data is on one machine only." if members == 2 else ""
    return f"{turn.machine}: {what} is restarted.{alone}"


def _data(intended: "Intended") -> dict[str, object]:
    return {
        "event": "upgrade",
        "members": [
            {"machine": each.machine, "role": each.role}
            | (asdict(each.software) if each.software else {})
            for each in intended.found.members
        ],
        "turns": [asdict(each) for each in intended.turns],
        "stale": dict(intended.stale),
    }


def _tell(done: "Upgraded", *, healthy: bool, as_json: bool) -> None:
    if as_json:
        said = {"event": "upgrade", **asdict(done), "healthy": healthy}
        print(json.dumps(said))  # noqa: T201
    else:
        console.out.print(f"PostgreSQL {done.version} serves.", markup=False)
        if done.away_s is not None:
            console.out.print(f"Nobody could write for {done.away_s:.1f} s.")
    if not healthy:
        raise SkytierError(
            f"PostgreSQL {done.version} serves, and the stack is not healthy.",
            "See what is wrong: skytier status",
        )
