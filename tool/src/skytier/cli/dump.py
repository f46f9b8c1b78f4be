"""`skytier database export` and `skytier database import`"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from skytier import sizes
from skytier.cli import chosen, console
from skytier.cli.chosen import Cloud, File, Json, Yes
from skytier.cli.output import writable
from skytier.deploy.interruption import interrupted
from skytier.dump import transfer
from skytier.dump.file import recognise
from skytier.errors import SkytierError

if TYPE_CHECKING:
    from skytier.backend import Backend
    from skytier.openstack.backend import CloudBackend
    from skytier.stackfile import StackFile

app = typer.Typer()


@app.command("export", epilog="Example: skytier database export shop.dump --cloud mycloud")
def export_database(
    path: Annotated[Path, typer.Argument(callback=writable, metavar="FILE", help="A new file.")],
    cloud: Cloud = None,
    file: File = None,
    as_json: Json = False,
) -> None:
    """Write the application's database to a file, for moving it elsewhere.

    It is as pg_dump --format=custom makes it, without owners and privileges, and only you may read
    it. The application goes on meanwhile; the file has what was there when this began.
    """
    if path.exists():
        raise SkytierError(f"{path} is there already.", "Name a new file.")
    stack = chosen.backend(chosen.with_database(file, cloud))
    with stack.database_client(changes=False) as client:
        there = transfer.content(client)
        with _bytes("written", None) as progress:
            size = transfer.export(client, path, progress)
    if as_json:
        said = {"file": str(path), "bytes": size, "tables": there.tables}
        print(json.dumps(said))  # noqa: T201
        return
    console.out.print(f"{path} has {there.tables} tables, {sizes.in_words(size)}.", markup=False)


@app.command("import", epilog="Example: skytier database import shop.dump --cloud mycloud")
def import_database(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What pg_dump wrote.")],
    cloud: Cloud = None,
    file: File = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Replace what the application's database has by a dump: all of it, or nothing if it fails.

    The file is of pg_dump: its custom or tar format, or SQL, also compressed by gzip. Owners and
    privileges in it are ignored, except in SQL. The application's requests wait meanwhile.
    """
    dump = recognise(path)
    wanted = chosen.with_database(file, cloud)
    stack = chosen.backend(wanted)
    with stack.database_client(changes=False) as client:
        there = transfer.content(client)
    _ask(wanted, there, path, _way_back(wanted, stack), yes=yes, as_json=as_json)
    ended = interrupted(
        f"Interrupted. If {path} was already read to its end, it may have been imported.",
        "Look at the tables (skytier psql) before you run it again.",
    )
    with (
        ended,
        stack.database_client(changes=True) as client,
        _bytes("read", dump.size) as progress,
    ):
        transfer.import_dump(client, dump, progress)
        now = transfer.content(client)
    if as_json:
        print(json.dumps({"file": str(path), "tables": now.tables, "bytes": now.size}))  # noqa: T201
        return
    console.out.print(
        f"The database has {now.tables} tables, {sizes.in_words(now.size)}.", markup=False
    )
    migrates = (
        "run the migrations: skytier release"
        if wanted.cloud
        else "its migrations run when the application starts again"
    )
    console.out.print(f"If the dump is of an older release, {migrates}.", markup=False)


def _ask(
    wanted: "StackFile",
    there: transfer.Content,
    path: Path,
    way_back: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    if not there.tables:
        return
    if not as_json:
        console.out.print(
            f"The database of {wanted.name} has {there.tables} tables, "
            f"{sizes.in_words(there.size)}. They are deleted, and {path} takes their place.",
            markup=False,
        )
        console.out.print(way_back, markup=False)
    console.confirm(
        f"Replace the database of {wanted.name}?",
        yes,
        "This overwrites data, and there is no terminal to confirm it.",
    )


def _way_back(wanted: "StackFile", stack: "Backend") -> str:
    if wanted.cloud is not None and wanted.has_backups:
        newest = cast("CloudBackend", stack).newest_backup()
        if newest:
            when = f"{newest.ended:%Y-%m-%d %H:%M} UTC"
            return f"To go back: skytier restore --to TIME. The newest backup is of {when}."
    return "There is no way back from this. Keep it first: skytier database export FILE"


@contextmanager
def _bytes(done: str, total: int | None) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn(done),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    hidden = not console.out.is_terminal
    with Progress(*columns, console=console.out, disable=hidden, transient=True) as progress:
        task = progress.add_task(done, total=total)
        yield lambda count: progress.update(task, completed=count)
