"""`skytier rehearse`"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Place
from skytier.cli.output import writable
from skytier.cli.progress import progress
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.deploy.rehearsed import DrillName, Rehearsed

app = typer.Typer()


@app.command(
    epilog="Example: skytier rehearse --html rehearsal.html\n\nExample, from a timer: skytier "
    "rehearse --json\n\nExample, with all there is: skytier rehearse --switchover --rollback"
)
def rehearse(
    flavor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="That of the scratch server. Default: that of the database."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(callback=writable, metavar="PATH", help="Write the report as a page, too."),
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="Show the last report of this machine; do nothing.")
    ] = False,
    switchover: Annotated[
        bool,
        typer.Option(
            "--switchover", help="Then make another member of the database the primary, too."
        ),
    ] = False,
    rollback: Annotated[
        bool,
        typer.Option(
            "--rollback", help="Then go back to the release before, too, and to this one again."
        ),
    ] = False,
    place: Place = None,
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Prove the backups of a stack on a cloud: restore the newest one elsewhere, and compare.

    Puts a restore point into the database, counts and sums up all tables there, restores a copy up
    to it on a scratch server, and compares each table. Changes wait for less than a second. Says
    how long the recovery took, and what would have been lost. Removes all it made. Backups of
    kind = "path" are restored on the database server itself, beside the database.

    With --switchover and --rollback visitors are served by the member, and by the release, that are
    tried. Both are refused at the beginning where they could not work.

    The exit code is 1 where a table differs, the copy could not be restored, or one of these two
    failed.
    """
    wanted = chosen.stack_file(file, cloud)
    wanted.backup.named(place)
    stack = chosen.cloud_stack(wanted)
    if last:
        found = _last(stack.operator.last_rehearsal())
    else:
        with progress(as_json=as_json) as events:
            found = stack.rehearse(events, flavor, place, _drills(switchover, rollback))
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
