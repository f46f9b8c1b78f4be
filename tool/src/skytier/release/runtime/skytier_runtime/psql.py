"""Statements for the application's database, by psql: a release may have no driver of its own."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

CONNECT_S = 10
LONGEST_S = 30
_VARIABLES = {
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
    "sslcompression": "PGSSLCOMPRESSION",
}
"""Of libpq's parameters, those whose variable is not PG and their name without underscores."""


class PsqlError(Exception):
    """What psql said when it failed."""


def run(url: str, statements: str, **variables: object) -> str:
    """Run a psql script. Returns its output, unaligned. Raises PsqlError.

    A variable `job` is `:'job'` in the script, with the quotes that SQL needs.
    """
    given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    program = os.environ.get("SKYTIER_PSQL") or _newest()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    try:
        done = subprocess.run(
            [program, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *given, "-f", "-"],
            input=statements,
            # On a command line, others would read the password.
            env={**kept, "LC_ALL": "C", **connection(url)},
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PsqlError(str(error)) from None
    if done.returncode:
        raise PsqlError(done.stderr.strip() or f"psql ended with {done.returncode}")
    return done.stdout.strip()


def connection(url: str) -> Mapping[str, str]:
    """libpq's variables for a URL of a database.

    >>> connection("postgresql://shop:a%40b@db:5433/shop?sslmode=verify-full")["PGPASSWORD"]
    'a@b'
    """
    parts = urlsplit(url)
    account, _, places = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    hosts = [_host_and_port(place) for place in places.split(",") if place]
    found = {
        "PGCONNECT_TIMEOUT": str(CONNECT_S),
        "PGUSER": unquote(user),
        "PGPASSWORD": unquote(password),
        "PGHOST": ",".join(host for host, _ in hosts),
        "PGPORT": ",".join(port for _, port in hosts) if any(port for _, port in hosts) else "",
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    for name, value in parse_qsl(parts.query):
        found[_VARIABLES.get(name, f"PG{name.upper().replace('_', '')}")] = value
    return {name: value for name, value in found.items() if value}


def _newest() -> str:
    """Debian's psql. The one in /usr/bin is a script in Perl, which takes its time."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin/psql") if _major(path)]
    return str(max(found, key=_major)) if found else "psql"


def _major(path: Path) -> int:
    name = path.parents[1].name
    return int(name) if name.isdecimal() else 0


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith("["):  # IPv6
        host, _, port = place[1:].partition("]")
        return host, port.lstrip(":")
    host, _, port = place.partition(":")
    return unquote(host), port


def url(directory: str | None) -> str:
    """The URL of the application's database, which is a file in the directory of its secrets."""
    path = Path(directory or "", "skytier_database_url")
    if directory and path.exists():
        return path.read_text().strip()
    raise PsqlError("There is no URL of a database.")
