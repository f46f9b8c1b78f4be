"""`skytier release`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.versions import with_versions
from skytier.errors import SkytierError

app = typer.Typer()


@app.command(
    epilog="Exit codes: 0 released, or nothing to release; 1 it failed: the server that failed and "
    "those after it have the release before.\n\nExample: skytier release --cloud mycloud --pause"
)
def release(
    pause: Annotated[
        bool,
        typer.Option("--pause", help="Ask before the second web server is switched."),
    ] = False,
    upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="Choose the newest versions of packages that no file pins."),
    ] = False,
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Release the application as its source is now: build, ship, migrate, switch.

    Web servers are switched one after another, and each has to be healthy before the next. When
    one is not, it goes back to the release before, and the others stay as they are. `skytier up`
    does the same with everything else; only this command replaces a release that a rollback led
    to.
    """
    wanted = chosen.stack_file(file, cloud)
    dialog = chosen.dialog(wanted, file, yes=yes, as_json=as_json)
    plan = with_versions(dialog.stack, anew=True, upgrade=upgrade)
    dialog.approve_release(plan, pause=pause)
    with dialog.progress() as events:
        outcome = dialog.stack.release(plan, events, _ask if pause else None)
    dialog.tell_release(plan, outcome, events.stages)


def _ask() -> None:
    if not typer.confirm("The first web server has it. Go on with the others?"):
        raise SkytierError(
            "Stopped after the first web server: it has the new release, the others have not.",
            "Go on with skytier release, or back with skytier rollback.",
        )
