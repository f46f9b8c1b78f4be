"""Export to a file and import from one, by pg_dump, pg_restore and psql beside the database."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from skytier.dump.client import Client, Ended
from skytier.dump.file import Dump
from skytier.errors import SkytierError
from skytier.render import render

JOBS = "skytier_jobs"
"""The schema with the runs of jobs: it is of the stack, and not of the data."""
PACKAGE = "skytier.dump"
DONE = "imported"
_WITHOUT = f"--no-owner --no-privileges --exclude-schema={JOBS}"
_EXPORT = f'exec pg_dump --dbname="$DATABASE" --format=custom {_WITHOUT}'
_ASK = 'exec psql --dbname="$DATABASE" --no-psqlrc --quiet --tuples-only --no-align'
_PSQL = (
    'psql --dbname="$DATABASE" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file=-'
    " --output=/dev/null"
)
_CONTENT = f"""
SELECT count(*), pg_database_size(current_database()) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', '{JOBS}')
"""  # noqa: S608
_LOST = 2
"""psql's exit code where its connection was lost."""
_UNREACHABLE = 255
"""The same of ssh."""

Progress = Callable[[int], None]
"""Is told how many bytes of the file are written or read."""


@dataclass(frozen=True)
class Content:
    """What a database has."""

    tables: int
    size: int
    """In bytes."""


def content(client: Client) -> Content:
    """What the application's database has now. Raises SkytierError."""
    ended = client.run(_ASK, [_CONTENT.encode()])
    if ended.code:
        raise SkytierError(
            f"The database does not answer:\n{ended.said}", "See what is wrong: skytier status"
        )
    tables, size = map(int, ended.out.split("|"))
    return Content(tables, size)


def export(client: Client, path: Path, progress: Progress) -> int:
    """Write a dump of the database to a new file. Returns its size in bytes.

    The file is whole, or not there. Raises SkytierError.
    """
    if path.exists():
        raise SkytierError(f"{path} is there already.", "Name a new file.")
    try:
        # For its owner only, until the end and after it.
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as part:

            def take(chunk: bytes) -> None:
                part.write(chunk)
                progress(part.tell())

            ended = client.run(_EXPORT, take=take)
            if ended.code:
                raise SkytierError(
                    f"The database could not be exported:\n{ended.said}",
                    "Mend what it says, then run it again: nothing is changed.",
                )
            part.flush()
            os.fsync(part.fileno())
            # Not renamed: another file that came there meanwhile stays.
            os.link(part.name, path)
    except OSError as error:
        raise SkytierError(
            f"{path} cannot be written: {error.strerror}.", "Name a file in another directory."
        ) from None
    return path.stat().st_size


def import_dump(client: Client, dump: Dump, progress: Progress) -> None:
    """Replace what the database has by a dump: all of it or, where this fails, nothing.

    Raises SkytierError.
    """
    begin = render(PACKAGE, "begin.sql", jobs=JOBS)
    if dump.is_archive:
        restore = render(
            PACKAGE, "restore.sh", begin=begin, without=_WITHOUT, psql=_PSQL, done=DONE
        )
        ended = client.run(restore, dump.chunks(progress))
    else:
        ended = client.run(f"exec {_PSQL}", _in_one(begin, dump.chunks(progress)))
    if DONE not in ended.out.split():
        raise _failed(ended, dump)
    # Until autovacuum comes by, the planner knows nothing of the new tables.
    client.run(f"{_ASK} --command=ANALYZE")


def _in_one(begin: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """SQL as one transaction. Whatever ends it early, psql is never sent its COMMIT."""
    yield begin.encode()
    yield from chunks
    yield f"\nCOMMIT;\n\\echo {DONE}\n".encode()


def _failed(ended: Ended, dump: Dump) -> SkytierError:
    lines = "\n".join(ended.said.splitlines()[-12:])
    if ended.all_sent and ended.code in (_LOST, _UNREACHABLE):
        return SkytierError(
            f"The connection was lost at the end. Whether {dump.path} was imported is not known.\n"
            f"{lines}",
            "Look at the tables (skytier psql) before you run it again.",
        )
    return SkytierError(
        f"{dump.path} was not imported. The database has what it had before.\n{lines}",
        next((do for sign, do in _ADVICE.items() if sign in lines), _MEND),
    )


_ADVICE = {
    "unsupported version": "The dump is of a newer PostgreSQL than the stack has. Write it as SQL "
    "(pg_restore --no-owner --file=FILE.sql DUMP), or give the database server a newer image.",
    "permission denied to create extension": "An extension needs the superuser. Make it in the "
    "database first (see docs/how-to/database-access.md), then leave it out of the dump.",
    "lock timeout": "The application holds a table. Stop what works with it for long, then run it "
    "again.",
}
_MEND = "Mend what PostgreSQL says, then run it again."
