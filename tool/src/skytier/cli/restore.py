"""`skytier restore`"""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Place, Yes
from skytier.cli.into import restore_into
from skytier.cli.progress import progress
from skytier.deploy.restore import Intended
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.pgbackrest.target import fixed

app = typer.Typer()
HEALTHY_S = 60.0


@app.command(
    epilog="Example: skytier restore --to 2026-03-01T12:30:00Z\n\nExample: skytier restore --to "
    "latest --into shop-copy"
)
def restore(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TIME|latest|NAME",
            help="A time with its zone (2026-03-01T12:30:00Z) or how long ago (-90m); latest: the "
            "newest state that there is; or the name of a backup.",
        ),
    ],
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="STACK",
            help="Restore a copy in another stack of this name, which is brought up beside this "
            "one. Its stack file is skytier.STACK.toml.",
        ),
    ] = None,
    without_backup: Annotated[
        bool,
        typer.Option(
            "--without-backup",
            help="Make no backup of what is there now. For a database that does not start.",
        ),
    ] = False,
    place: Place = None,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Restore the database of a stack on a cloud from its backups, in place or into a copy.

    What is there now is backed up first, then overwritten. The database is stopped meanwhile: the
    application's reads and writes fail. When this command is interrupted, the restore goes on. See
    how it ended by skytier status and skytier backup list: the same command may begin another one.

    With --into the stack stays as it is: its backups are only read. Another stack is brought up,
    with its own secrets, and gets the data. Run it again to go on with one that was interrupted.
    """
    wanted = chosen.stack_file(file, cloud)
    wanted.backup.named(place)
    fixed(to, datetime.now(UTC))  # a word that is no target is refused before any machine is asked
    if into is not None:
        if without_backup:
            raise typer.BadParameter("--without-backup is for a restore in place, without --into.")
        restore_into(into, to, wanted, file, place, yes=yes, as_json=as_json)
        return
    stack = chosen.cloud_stack(wanted)

    intended = stack.restore_intended(to, place, without_backup=without_backup)
    if intended.stand.running:
        _say("A restore is going on; this waits for its end.", as_json=as_json)
    else:
        several = wanted.database.members > 1
        _say(_sentences(wanted.name, intended, several=several), as_json=as_json)
        console.confirm(
            f"Overwrite the database of {wanted.name}?",
            yes,
            "This overwrites data, and there is no terminal to confirm it.",
        )
    with progress(as_json=as_json) as events:
        stack.restore_to(intended, events)
    # Where the database is that of a lost machine, the rest of the stack is not up yet.
    healthy = not intended.stand.empty and until(lambda: stack.status().healthy, HEALTHY_S, 5)
    if as_json:
        said = {"event": "restore", "to": intended.target.words, "healthy": healthy}
        print(json.dumps(said))  # noqa: T201
    words = "what was asked for" if intended.stand.running else intended.target.words
    _say(f"The database has {words}.", as_json=as_json)
    if intended.stand.empty:
        _say(f"Now bring up the rest: {console.program()} up", as_json=as_json)
    elif not healthy:
        raise SkytierError(
            "The database is restored, and the stack is not healthy.",
            "See skytier status. A database from before a release may lack that release's "
            "migrations: skytier release runs them, skytier rollback goes back to the release of "
            "then.",
        )


def _sentences(name: str, intended: Intended, *, several: bool) -> str:
    lines = [f"The database of {name} gets {intended.target.words}."]
    if intended.stand.unfinished:
        lines.append(
            "An earlier restore was interrupted: the data is incomplete, and is overwritten."
        )
    elif intended.stand.empty:
        lines.append("It is empty now, so nothing is lost.")
    elif intended.first:
        lines.append(
            "What is there now is overwritten. It is backed up first, so there is a way back."
        )
    else:
        lines.append(
            "What is there now is overwritten, without a backup of it: what the archive does not "
            "have is lost."
        )
    lines.append(
        "The database is stopped until it is done: the application's reads and writes fail."
    )
    if several:
        lines.append(
            "Then the other members are cloned from it. Until that is done they have the data from "
            "before, and none of them takes over."
        )
    return "\n".join(lines)


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        console.out.print(text, markup=False)
