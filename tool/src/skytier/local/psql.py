"""psql on the database of the stack on this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from skytier.dump.client import Client
from skytier.errors import SkytierError
from skytier.local import lock, options
from skytier.local.application import DATABASE_URL
from skytier.local.options import ELSEWHERE
from skytier.local.stack import LocalStack


def attend_psql(stack: LocalStack, *words: str, replica: bool = False) -> int:
    """Run psql at this terminal, as the application's user. Returns its exit code.

    Raises SkytierError when the database does not run, or there is no psql.
    """
    if replica:
        raise SkytierError(
            "The database on this machine has no replica.",
            "Leave --replica out, or name a stack on a cloud: --cloud NAME",
        )
    program, address, environment = _way(stack)
    # Ctrl-C ends a statement, and not the session.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.call([program, f"--dbname={address}", *words], env=environment)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def database_client(stack: LocalStack, *, changes: bool) -> Iterator[Client]:
    """PostgreSQL's programs of this machine, as the application's user.

    With `changes` under the lock of the home. Raises SkytierError when the database does not run,
    or a program is missing.
    """
    with lock.held(stack.home.lock) if changes else nullcontext():
        psql, address, environment = _way(stack)
        for name in ("pg_dump", "pg_restore"):
            if not psql.with_name(name).exists():
                raise SkytierError(
                    f"There is no {name} beside {psql}.",
                    "Install PostgreSQL's programs: apt-get install postgresql-client",
                )
        path = f"{psql.parent}:{environment.get('PATH', '')}"
        variables = {**environment, "DATABASE": address, "PATH": path, "PYTHON": sys.executable}
        yield Client(lambda script: ["bash", "-c", script], variables)


def _way(stack: LocalStack) -> tuple[Path, str, Mapping[str, str]]:
    """psql, the address of the database without the password, and the environment with it."""
    chosen = options.load(stack.home)
    url = stack.home.secrets / DATABASE_URL
    runs_here = chosen.postgres != ELSEWHERE
    if not url.exists() or (runs_here and stack.postgresql.state().pid is None):
        raise SkytierError("The database does not run.", "Start it: skytier up")
    address, password = without_password(url.read_text().strip())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # In the environment: a command line can be read by all users of this machine.
    secret = {} if password is None else {"PGPASSWORD": password}
    return stack.postgresql.psql(chosen), address, {**kept, **secret}


def without_password(url: str) -> tuple[str, str | None]:
    """A database's URL without the password in it, and the password.

    >>> without_password("postgresql://shop:a%2Fb@db/shop?sslmode=require")
    ('postgresql://shop@db/shop?sslmode=require', 'a/b')
    """
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    user, colon, password = account.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    named = [value for name, value in query if name == "password"]
    rest = urlencode([each for each in query if each[0] != "password"], quote_via=quote)
    # What comes last counts.
    found = named[-1] if named else (unquote(password) if colon else None)
    return parts._replace(netloc=f"{user}{at}{host}", query=rest).geturl(), found
