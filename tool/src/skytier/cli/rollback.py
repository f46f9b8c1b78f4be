"""`skytier rollback`"""

import json
from typing import Annotated

import typer

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json

app = typer.Typer()


@app.command(epilog="Example: skytier rollback")
def rollback(
    release: Annotated[
        str | None,
        typer.Argument(
            help="A number or an id of `skytier releases`. Default: the healthy release before "
            "the one that serves.",
            show_default=False,
        ),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Switch back to an earlier release: code, variables, processes and jobs together.

    Nothing is built, no hook and no migration runs. Run it again to go further back. The release
    stays, also when `skytier up` runs, until the next `skytier release`.
    """
    dialog = chosen.dialog(chosen.stack_file(file, cloud), file, as_json=as_json)
    with dialog.progress() as events:
        done = dialog.stack.rollback(events, release)
    if as_json:
        said = {"event": "rollback", "release": done.to.id, "unknown_migrations": [*done.unknown]}
        print(json.dumps(said))  # noqa: T201
        return
    console.out.print(f"The release {done.to.id} serves. It stays until skytier release.")
    if done.unknown:
        console.out.print(
            "The database has migrations that this release does not know. They were not undone:\n  "
            + "\n  ".join(done.unknown),
            markup=False,
        )
