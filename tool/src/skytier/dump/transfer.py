"""Export to a file and import from one, by pg_dump, pg_restore and psql beside the database."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from skytier.dump import statements
from skytier.dump.client import Client, Ended
from skytier.dump.file import Dump
from skytier.errors import SkytierError
from skytier.render import render

JOBS = "skytier_jobs"
"""The schema with the runs of jobs: it is of the stack, and not of the data."""
PACKAGE = "skytier.dump"
DONE = "imported"
_WITHOUT = (
    f"--no-owner --no-privileges --no-publications --no-subscriptions --exclude-schema={JOBS}"
)
"""Publications and subscriptions are of the database that is left, and need the superuser."""
_EXPORT = f'exec pg_dump --dbname="$DATABASE" --format=custom {_WITHOUT}'
_ASK = 'exec psql --dbname="$DATABASE" --no-psqlrc --quiet --tuples-only --no-align'
_NAME = "skytier-import"
"""What PostgreSQL calls the session of an import."""
_PSQL = (
    f"PGAPPNAME={_NAME} "
    'psql --dbname="$DATABASE" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file=-'
    " --output=/dev/null"
)
_CONTENT = f"""
SELECT count(*), pg_database_size(current_database()) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', '{JOBS}')
"""  # noqa: S608
_ANALYZE = r"""
SELECT format('ANALYZE %I.%I', schemaname, tablename) FROM pg_tables
WHERE tableowner = current_user \gexec
"""
"""Of others' tables PostgreSQL would log that it may not."""
_END_IT = f"""
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = '{_NAME}' AND datname = current_database() AND pid <> pg_backend_pid()
"""  # noqa: S608
_PASSED_ON = Path(statements.__file__).read_text()
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
                    "Nothing is changed. A table that the application may not read belongs to "
                    "another role: give it to the application's (ALTER TABLE ... OWNER TO ...), or "
                    "move it to another database."
                    if "permission denied" in ended.said
                    else "Fix the cause, then run it again: nothing is changed.",
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
    key = secrets.token_hex(16)
    begin = render(PACKAGE, "begin.sql", jobs=JOBS, key=key)
    end = render(PACKAGE, "end.sql", done=DONE, key=key)
    try:
        if dump.is_sql:
            ended = client.run(_PSQL, _in_one(begin, dump.chunks(progress), end))
        else:
            values = {"begin": begin, "end": end, "without": _WITHOUT, "psql": _PSQL}
            script = render(PACKAGE, "restore.sh", **values, passed_on=_PASSED_ON)
            ended = client.run(script, dump.chunks(progress))
    except BaseException:
        # Where it was sent all of the dump, it would go on.
        with suppress(Exception):
            client.run(_ASK, [_END_IT.encode()])
        raise
    if DONE not in ended.out.split():
        raise _failed(ended, dump)
    # Until autovacuum comes by, the planner knows nothing of the new tables.
    client.run(_ASK, [_ANALYZE.encode()])


def _in_one(begin: str, chunks: Iterator[bytes], end: str) -> Iterator[bytes]:
    """SQL as one transaction. Whatever ends it early, psql is never sent its COMMIT."""
    yield begin.encode()
    yield from chunks
    yield end.encode()


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
    "lock timeout": "The application has locked a table. Stop what uses it for long, then run it "
    "again.",
    "out of shared memory": "It has more tables or large objects than PostgreSQL can replace at "
    "once: raise max_locks_per_transaction, restart PostgreSQL, then run it again.",
    "what PostgreSQL itself has": "Connect as a role that is the application's own, and not as the "
    "superuser that made the database.",
    "backslash commands are restricted": "The dump has a command of psql. Make it without: pg_dump "
    "without --create, or with --format=custom.",
    "invalid command \\restrict": "psql here is too old to keep commands in a dump from being run. "
    "Install PostgreSQL's corrections: at least 13.22, 14.19, 15.14, 16.10 or 17.6.",
    "a COMMIT of its own": "Take BEGIN and COMMIT out of the dump, or make it by pg_dump.",
    "read-only transaction": "The dump has a ROLLBACK. Make it by pg_dump.",
    f'"{JOBS}"': f"Make the dump without the schema of the jobs: pg_dump --exclude-schema={JOBS}.",
}
_MEND = "Fix the cause, then run it again."
