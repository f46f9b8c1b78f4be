"""psql on the database of the stack on this machine."""

import os
import signal
import subprocess
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from skytier.errors import SkytierError
from skytier.local import options
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
    chosen = options.load(stack.home)
    url = stack.home.secrets / DATABASE_URL
    runs_here = chosen.postgres != ELSEWHERE
    if not url.exists() or (runs_here and stack.postgresql.state().pid is None):
        raise SkytierError("The database does not run.", "Start it: skytier up")
    address, password = without_password(url.read_text().strip())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # In the environment: a command line can be read by all users of this machine.
    secret = {} if password is None else {"PGPASSWORD": password}
    program = stack.postgresql.psql(chosen)
    # Ctrl-C ends a statement, and not the session.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.call([program, f"--dbname={address}", *words], env={**kept, **secret})
    finally:
        signal.signal(signal.SIGINT, before)


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
