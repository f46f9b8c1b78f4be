"""`skytier rehearse`"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Place
from skytier.cli.output import writable
from skytier.cli.progress import progress
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.deploy.rehearsed import DrillName, Rehearsed

app = typer.Typer()


class On(StrEnum):
    """Where the copy is, if on no scratch server."""

    MONITOR = "monitor"


@app.command(
    epilog="Example: skytier rehearse --html rehearsal.html\n\nExample, from a timer: skytier "
    "rehearse --json\n\nExample, without a scratch server: skytier rehearse --on monitor\n\n"
    "Example, with all tests: skytier rehearse --switchover --rollback"
)
def rehearse(
    flavor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The flavor of the scratch server. Default: as the database's."
        ),
    ] = None,
    on: Annotated[
        On | None,
        typer.Option("--on", help="Restore it in a container on the monitor's own machine."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            callback=writable, metavar="PATH", help="Also write the report as an HTML page."
        ),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Show the last report of this machine; do nothing.")
    ] = False,
    switchover: Annotated[
        bool,
        typer.Option("--switchover", help="Then make another member of the database the primary."),
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback", help="Then go back to the release before, and to this one again."
        ),
    ] = False,
    place: Place = None,
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Prove the backups of a stack on a cloud: restore the newest one elsewhere, and compare.

    Puts a restore point into the database, computes the row count and a checksum of each table,
    restores a copy up to that point on a scratch server, and compares each table. Writes wait for
    less than a second. Says how long the recovery took, and what would have been lost. Removes all
    it made. Backups of kind = "path" are restored on the database server itself, beside the
    database.

    With --on monitor no server is made: the copy is in a container on the machine of the monitor,
    with at most half of the memory that is free there. It is refused where memory or disk are too
    small, or the place of the backups cannot be reached from there.

    --switchover and --rollback are tried on the stack itself, while it serves visitors. If one of
    them could not work, the command is refused at the beginning.

    The exit code is 1 where a table differs, the copy could not be restored, or one of these two
    failed.
    """
    if last:
        drills = {"--switchover": switchover, "--rollback": rollback}
        given = {"--flavor": flavor, "--on": on, "--from": place, **drills}
        _refuse("--last shows a report that is there", given)
    elif on:
        _refuse("--on monitor makes no server", {"--flavor": flavor})
    wanted = chosen.stack_file(file, cloud)
    wanted.backup.named(place)
    stack = chosen.cloud_stack(wanted)
    if last:
        found = _last(stack.operator.last_rehearsal())
    else:
        with progress(as_json=as_json) as events:
            names = _drills(switchover, rollback)
            found = stack.rehearse(events, flavor, place, names, on_monitor=on is On.MONITOR)
    if html:
        _write(html, found)
    if as_json:
        print(json.dumps({"event": "rehearse", **asdict(found)}))  # noqa: T201
    else:
        _show(found)
    if last:
        return
    if found.trouble:
        raise SkytierError(found.trouble, found.advice)
    if not found.good:
        raise SkytierError(
            "The restored copy is not what the database held at the marker.",
            "Keep the backups that there are: raise backup.keep_full, and run skytier up. Then see "
            "skytier backup verify, make a full backup (skytier backup now --full), and rehearse "
            "again.",
        )
    if failed := next((each for each in found.drills if not each.good), None):
        raise SkytierError(f"The {failed.name} is not proven. {failed.trouble}", failed.advice)


def _refuse(why: str, given: Mapping[str, Any]) -> None:
    if named := [name for name, value in given.items() if value]:
        raise SkytierError(
            f"{why}, so {', '.join(named)} cannot be given with it.", "Leave it out."
        )


def _drills(switchover: bool, rollback: bool) -> "list[DrillName]":
    from skytier.deploy.rehearsed import DrillName

    asked = {DrillName.SWITCHOVER: switchover, DrillName.ROLLBACK: rollback}
    return [name for name, is_asked in asked.items() if is_asked]


def _last(text: str) -> "Rehearsed":
    from skytier.deploy.rehearsed import from_json

    if not text:
        raise SkytierError("No rehearsal of this stack is known here.", "Run: skytier rehearse")
    try:
        return from_json(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise SkytierError(
            f"The last report cannot be read: {error}", "Make another one: skytier rehearse"
        ) from None


def _show(found: "Rehearsed") -> None:
    from skytier.report import rehearsal

    lines = [rehearsal.title(found), rehearsal.verdict(found), *found.differences]
    lines += rehearsal.sentences(found)
    lines += [f"  {took:>10}  {words}" for words, took in rehearsal.parts(found)]
    lines += rehearsal.tried(found)
    for line in lines:
        console.out.print(line, markup=False)


def _write(path: Path, found: "Rehearsed") -> None:
    from skytier.report import rehearsal

    try:
        path.write_text(rehearsal.html(found))
    except OSError as error:
        raise SkytierError(
            f"{path} cannot be written: {error.strerror}.",
            "Name another: skytier rehearse --last --html PATH",
        ) from error
