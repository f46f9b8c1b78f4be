"""`skytier secret`"""

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json
from skytier.errors import SkytierError
from skytier.secrets.variables import LARGEST, Store, Variables
from skytier.stackfile.application import DATABASE_URL

app = typer.Typer()
secret = typer.Typer(
    no_args_is_help=True,
    help="Secrets of your own application, which it gets as environment variables.",
)
app.add_typer(secret, name="secret")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The variable: STRIPE_KEY.")]


@secret.command("set", epilog="Example: printf %s sk_live_... | skytier secret set STRIPE_KEY")
def set_value(
    name: Name,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", metavar="PATH", help="Take the bytes of a file."),
    ] = None,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Set a secret to a value from the standard input.

    The bytes are kept as they are, except for the newline at the end of a single line, as echo
    writes one. At a terminal you are asked, and nothing is shown.
    """
    store = _store(file, cloud, sets=name)
    # What is wrong with the name is said before anybody types a value.
    Variables().with_value(name, b"")
    value = _file(from_file) if from_file else _input(name)
    Variables().with_value(name, value)
    _change(store, lambda before: before.with_value(name, value), name, "is set")


@secret.command("list", epilog="Example: skytier secret list")
def list_all(cloud: Cloud = None, file: File = None, as_json: Json = False) -> None:
    """Show the names of all secrets, when they were set, and a hash that changes with the value."""
    there = _store(file, cloud).read()
    if as_json:
        rows = [
            {"name": name, "hash": there.hash(name), "set_at": v.set_at, "generated": v.generated}
            for name, v in sorted(there.all.items())
        ]
        print(json.dumps(rows, indent=2))  # noqa: T201
        return
    if not there.all:
        console.out.print("No secret is set.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Name", "Hash", "Set (UTC)", ""):
        table.add_column(heading)
    for name, variable in sorted(there.all.items()):
        when = variable.set_at.replace("T", " ").rstrip("Z")
        table.add_row(name, there.hash(name), when, "generated" if variable.generated else "")
    console.out.print(table)


@secret.command(epilog="Example: skytier secret unset STRIPE_KEY")
def unset(name: Name, cloud: Cloud = None, file: File = None) -> None:
    """Remove a secret."""
    _change(_store(file, cloud), lambda before: before.without(name), name, "is removed")


@secret.command(epilog="Example: skytier secret generate JWT_KEY")
def generate(name: Name, cloud: Cloud = None, file: File = None) -> None:
    """Set a secret to a random text of 64 characters. Refuses to replace one."""
    store = _store(file, cloud, sets=name)
    _change(store, lambda before: before.generated(name), name, "is set")


@secret.command(epilog="Example: skytier secret rotate DATABASE_URL")
def rotate(
    name: Name,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="For DATABASE_URL: do not wait; end what still uses the old password."
        ),
    ] = False,
    cloud: Cloud = None,
    file: File = None,
) -> None:
    """Give a generated secret a new random value, or the database a new password.

    With DATABASE_URL, the password in it is changed at once: one web server after another gets the
    new one, no request fails, and then the old one does not log in any more. When a run was
    interrupted, run it again.
    """
    if name == DATABASE_URL:
        _rotate_database_password(file, cloud, now=now)
        return
    if now:
        raise SkytierError("--now is for DATABASE_URL only.", "Leave it out.")
    _change(_store(file, cloud), lambda before: before.rotated(name), name, "is set")


def _rotate_database_password(file: Path | None, cloud: str | None, *, now: bool) -> None:
    wanted = chosen.stack_file(file, cloud)
    if not wanted.has_database:
        raise SkytierError("The stack has no database, so there is no password to change.")
    dialog = chosen.dialog(wanted, file)
    with dialog.progress() as events:
        is_new = dialog.stack.rotate_database_password(events, now=now)
    console.out.print(
        "The database has a new password, and the old one does not log in any more."
        if is_new
        else "The rotation that was interrupted before is finished: the old password does not log "
        "in any more. To change it once more, run this again.",
        markup=False,
    )


def _store(file: Path | None, cloud: str | None, *, sets: str = "") -> Store:
    """Raises SkytierError for the sample application, and for a variable that Skytier `sets`."""
    wanted = chosen.stack_file(file, cloud)
    if not wanted.application.is_own:
        raise SkytierError(
            "Secrets are for an application of your own, and the stack runs the sample "
            "application, which reads none.",
            "Describe your application in the section [application] of the stack file: skytier "
            "init writes one.",
        )
    if sets == DATABASE_URL and wanted.has_database:
        raise SkytierError(
            f"Skytier sets {DATABASE_URL} itself: it is the address of the stack's own PostgreSQL.",
            "Choose another name; or, where the database is elsewhere, set application.requires = "
            "[].",
        )
    return chosen.backend(wanted).variables()


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise SkytierError(f"{path} cannot be read: {error.strerror}.") from None


def _input(name: str) -> bytes:
    if sys.stdin.isatty():
        return getpass.getpass(f"Value of {name} (it is not shown): ").encode(
            errors="surrogateescape"
        )
    value = sys.stdin.buffer.read(LARGEST + 2)
    return value[:-1] if value.count(b"\n") == 1 and value.endswith(b"\n") else value


def _change(store: Store, change: Callable[[Variables], Variables], name: str, done: str) -> None:
    if not store.change(change):
        console.out.print(f"{name} has this value already.", markup=False)
        return
    console.out.print(f"{name} {done}.", markup=False)
    if store.note:
        console.out.print(console.callable_here(store.note), markup=False)
    console.out.print(
        f"The application gets the change with its next release: {console.program()} up",
        markup=False,
    )
