"""`skytier backup`"""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from skytier import sizes
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.cli.progress import progress
from skytier.errors import SkytierError
from skytier.services.pgbackrest.info import Backup, Backups

app = typer.Typer()
backup = typer.Typer(
    no_args_is_help=True, help="Backups of the database, on a cloud: make, list and check them."
)
app.add_typer(backup, name="backup")


@backup.command(epilog="Example: skytier backup now --full")
def now(
    full: Annotated[
        bool, typer.Option("--full", help="A full one, and not what changed since the last full.")
    ] = False,
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Make a backup now, in each place of the backups.

    It goes on when this command is interrupted.
    """
    stack = chosen.cloud_stack(chosen.stack_file(file, cloud))
    with progress(as_json=as_json) as events:
        stack.back_up("full" if full else "diff", events)


@backup.command("list", epilog="Example: skytier backup list --json")
def list_all(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """List the backups of each place, and from when on any moment can be restored."""
    found = chosen.cloud_stack(chosen.stack_file(file, cloud)).backups()
    if as_json:
        rows = [_data(each, there.place) for there in found for each in there.all]
        told = [each for each in found if each.trouble]
        trouble = "; ".join(_trouble(each, found) for each in told)
        if len(found) == 1:
            trouble = found[0].trouble
        print(json.dumps({"backups": rows, "trouble": trouble or None}))  # noqa: T201
        return
    for there in found:
        _show(there, found)


def _show(there: Backups, among: Sequence[Backups]) -> None:
    place = "" if len(among) == 1 else there.place
    if place:
        console.out.print(f"The {place} place:")
    if there.all:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("Backup", "Kind", "Ended (UTC)"):
            table.add_column(heading)
        for heading in ("Seconds", "Database", "Stored"):
            table.add_column(heading, justify="right")
        table.add_column("")
        for each in there.all:
            table.add_row(*_row(each))
        console.out.print(table)
        since = f"{there.all[0].since:%Y-%m-%d %H:%M:%S} UTC"
        command = f"skytier restore --to TIME{f' --from {place}' if place else ''}"
        console.out.print(f"Any moment since {since} can be restored: {command}")
    elif not there.trouble:
        console.out.print("There is no backup yet.")
    if there.trouble:
        console.warn(_trouble(there, among))


def _trouble(there: Backups, among: Sequence[Backups]) -> str:
    where = "" if len(among) == 1 else f"The {there.place} place: "
    return f"{where}{there.said}"


@backup.command(epilog="Example: skytier backup verify")
def verify(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Read everything in each place of the backups, and compare its checksums.

    The exit code is 1 where something is missing or damaged.
    """
    found = chosen.cloud_stack(chosen.stack_file(file, cloud)).verify_backups()
    if as_json:
        said = {"event": "verify", "good": not found.wrong, "text": found.text}
        print(json.dumps(said))  # noqa: T201
        raise typer.Exit(int(found.wrong))
    if found.wrong:
        raise SkytierError(
            f"Something is missing or damaged. pgBackRest says:\n{found.text}",
            "A full backup does not need those before it, but it would let the oldest expire, "
            "which may be a good one. Raise backup.keep_full by one, run skytier up, then skytier "
            "backup now --full.",
        )
    console.out.print("All backups are complete, and so is the archive of changes.")


@backup.command(epilog="Example: skytier backup key")
def key(cloud: Cloud = None, file: File = None) -> None:
    """Print the key of the backups, for a safe place elsewhere.

    Without it nobody can restore them. The database server has it, and each machine that ran
    skytier up for the stack.
    """
    found = chosen.cloud_stack(chosen.stack_file(file, cloud)).backup_key()
    print(found)  # noqa: T201


def _data(each: Backup, place: str) -> dict[str, Any]:
    return {
        "place": place,
        "name": each.name,
        "kind": each.kind,
        "began": each.began.isoformat(),
        "ended": each.ended.isoformat(),
        "database_bytes": each.database_bytes,
        "stored_bytes": each.stored_bytes,
        "timeline": each.timeline,
        "damaged": each.damaged,
    }


def _row(each: Backup) -> list[str]:
    return [
        each.name,
        each.kind,
        f"{each.ended:%Y-%m-%d %H:%M:%S}",
        f"{(each.ended - each.began).total_seconds():.0f}",
        sizes.in_words(each.database_bytes),
        sizes.in_words(each.stored_bytes),
        "damaged pages" if each.damaged else "",
    ]
