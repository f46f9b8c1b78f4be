"""`skytier down`"""

from typing import Annotated

import typer

from skytier.cli import chosen
from skytier.cli.chosen import Cloud, File, Json, Yes

app = typer.Typer()


@app.command(
    epilog="Example: skytier down --cloud mycloud --delete-data\n\n"
    "Example: skytier down --purge --yes"
)
def down(
    cloud: Cloud = None,
    file: File = None,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Also delete what otherwise stays: on a cloud the objects of the object store, on "
            "this machine data, settings and logs.",
        ),
    ] = False,
    last_backup: Annotated[
        bool | None,
        typer.Option(
            "--last-backup/--no-last-backup",
            show_default=False,
            help="On a cloud, where backups are kept elsewhere: make one more before anything is "
            "deleted. Default: you are asked; with --yes none is made.",
        ),
    ] = None,
    delete_data: Annotated[
        bool,
        typer.Option(
            "--delete-data",
            help="On a cloud: delete the database also where no backups of it stay.",
        ),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete the stack on a cloud, or stop the one on this machine.

    On a cloud: delete every resource of the stack and nothing else. The only copy of the database
    is deleted with --delete-data only. A container with objects stays, backups among them, unless
    you give --purge. On this machine: stop everything; the data stays, unless you give --purge.
    """
    wanted = chosen.stack_file(file, cloud)
    dialog = chosen.dialog(wanted, file, yes=yes, as_json=as_json)
    removal = dialog.stack.removal(purge=purge)
    if not dialog.approve_down(removal, last_backup=last_backup, delete_data=delete_data):
        return
    with dialog.progress() as events:
        changed = dialog.stack.down(events, purge=purge)
    dialog.tell_down(removal, changed=changed)
