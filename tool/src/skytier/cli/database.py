"""`skytier database` and `skytier failover`"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from skytier import sizes
from skytier.cli import chosen, console, dump, minor_upgrade
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.errors import SkytierError
from skytier.services.patroni.service import PAUSED
from skytier.services.patroni.software import upstream

if TYPE_CHECKING:
    from skytier.openstack.backend import CloudBackend
    from skytier.services.patroni.members import Member, Members

app = typer.Typer()
group = typer.Typer(invoke_without_command=True)
group.add_typer(dump.app)
group.add_typer(minor_upgrade.app)
app.add_typer(group, name="database")


@group.callback(epilog="Example: skytier database --cloud mycloud")
def database(
    context: typer.Context, cloud: Cloud = None, file: File = None, as_json: Json = False
) -> None:
    """Show the members of the database on a cloud: the primary, and how far behind replicas are.

    The lag is what a replica has not replayed of what the primary has on its disk. A slot is what
    the primary keeps for a replica. With `export` or `import`: a dump of the database, to or from a
    file. With `upgrade`: the newest minor version of PostgreSQL.
    """
    if context.invoked_subcommand:
        # They would be ignored, and another database be meant.
        given = [name for name in ("cloud", "file", "as_json") if _on_command_line(context, name)]
        if given:
            raise SkytierError(
                f"The options of skytier database {context.invoked_subcommand} come after it.",
                f"See skytier database {context.invoked_subcommand} --help",
            )
        return
    wanted = chosen.stack_file(file, cloud)
    found = chosen.cloud_stack(wanted).database()
    if as_json:
        print(json.dumps(asdict(found), indent=2))  # noqa: T201
    else:
        _show(found, wanted.database.members)


@app.command(epilog="Example: skytier failover --to database/2")
def failover(
    machine: Annotated[
        str | None,
        typer.Argument(
            metavar="MACHINE",
            show_default=False,
            help="With --fence: `database/1`, which has to be the primary.",
        ),
    ] = None,
    fence: Annotated[
        bool,
        typer.Option(
            "--fence",
            help="The primary's machine is lost, or cannot be trusted: power it off by Nova, then "
            "have another member take over at once.",
        ),
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="MEMBER",
            help="`database/2`, or its name. Default: the replica that lags least.",
        ),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
) -> None:
    """Make another member of the database the primary, while all of them are healthy.

    No acknowledged write is lost: without a replica that is in step the command is refused. Writes
    stop for some seconds, and are answered with an error then.

    With --fence the primary does not have to answer. Its lease is ended once Nova says that its
    machine is off, and Patroni elects another member.
    """
    if fence and to:
        raise SkytierError(
            "--to is for a primary that hands over. With --fence Patroni elects its successor.",
            "Leave --to out.",
        )
    if machine and not fence:
        raise SkytierError(
            "A machine is named only with --fence.", f"To make it the primary: --to {machine}"
        )
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    if fence:
        _fence(stack, machine, yes=yes)
        return
    primary, successor = stack.candidate(to)
    console.out.print(f"Primary now: {primary.machine}", markup=False)
    console.out.print(f"Takes over:  {successor.machine}", markup=False)
    console.confirm(
        "Writes stop for some seconds. Do this?",
        yes,
        "This interrupts the database, and there is no terminal to confirm it.",
    )
    seconds = stack.failover(primary, successor).without_primary_s
    console.out.print(f"{successor.machine} is the primary.", markup=False)
    if seconds is None:
        console.out.print(
            "When it began to take writes was not seen. Look at the members: skytier database"
        )
        return
    console.out.print(
        f"Writes stopped for {seconds:.1f} s; web servers notice the new primary within a second."
    )


def _fence(stack: "CloudBackend", machine: str | None, *, yes: bool) -> None:
    from skytier.openstack.machines.power import Power, cannot_know

    primary = stack.fence_intended(machine)
    console.out.print(f"Primary by its lease: {primary.machine}", markup=False)
    console.out.print(f"Nova says of it:      {primary.told.why}", markup=False)
    console.out.print(f"May take over:        {', '.join(primary.heirs)}", markup=False)
    if primary.told.power is Power.UNKNOWN:
        raise cannot_know(primary.machine, primary.told)
    if primary.told.power is Power.RUNS:
        console.confirm(
            f"{primary.machine} is powered off, and stays off. Do this?",
            yes,
            "This powers a machine off, and there is no terminal to confirm it.",
        )
    found = stack.fence(primary)
    console.out.print(
        f"{found.machine} is the primary, {found.seconds:.1f} s after the lease was ended.",
        markup=False,
    )
    console.out.print(
        f"{primary.machine} is off. To bring it back as a replica: {console.program()} up",
        markup=False,
    )


def _on_command_line(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _show(found: "Members", wanted: int) -> None:
    """`wanted` is the number of members that the stack file asks for."""
    from skytier.services.patroni.members import how_to_resume

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Member", "Role", "State", "PostgreSQL", "Timeline", "Lag", "In step"):
        right = heading in ("Timeline", "Lag")
        table.add_column(heading, no_wrap=True, justify="right" if right else "left")
    for each in found.members:
        table.add_row(
            *(each.machine, each.role, each.state, _runs(each)),
            *(_number(each.timeline), _bytes(each.lag_bytes)),
            "" if each.role == "primary" else "yes" if each.in_step else "no",
        )
    console.out.print(table)
    for slot in found.slots:
        use = "used" if slot.active else "not used"
        kept = (
            f"keeps {_bytes(slot.kept_bytes)}" if slot.kept_bytes is not None else "keeps nothing"
        )
        console.out.print(f"Slot {slot.name}: {use}, {kept}, {slot.state or 'new'}", markup=False)
    for each in found.members:
        # It is not known what serves on one that does not answer.
        if (left := each.software) and (left.unfinished or (left.running and left.is_behind)):
            console.out.print(minor_upgrade.left(each.machine, each.software), markup=False)
    if found.archive:
        last = found.archive.places or {"": found.archive.last_backup}
        when = ", ".join(f"{place} {_moment(at)}".lstrip() for place, at in last.items())
        waits = f"wait for {found.archive.waits_s} s" if found.archive.waits_s else "are archived"
        console.out.print(f"Last backup: {when}; changes {waits}")
    if len(found.members) < wanted:
        console.warn(
            f"There should be {wanted} members, and {len(found.members)} can be seen. "
            "See skytier status; skytier up makes the others."
        )
    elif len(found.members) == wanted == 1:
        console.out.print("One member: when it fails, there is no database until it is repaired.")
    if len(found.primaries) != 1 and max(wanted, len(found.members)) > 1:
        count = len(found.primaries) or "no"
        console.warn(
            f"There should be one primary, and there is {count}. Look again in half a minute."
        )
    if found.paused:
        console.warn(f"{PAUSED}. {how_to_resume(found)}")


def _moment(at: str | None) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC" if at else "none yet"


def _runs(member: "Member") -> str:
    return upstream(member.software.running) if member.software else ""


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _bytes(value: int | None) -> str:
    return "?" if value is None else sizes.in_words(value)
