"""The database role: PostgreSQL with one database of one role that is not a superuser."""

from dataclasses import asdict, dataclass
from pathlib import Path

from skytier.roles.render import render

NAME = "skytier"
"""The database, and the role that owns it."""
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Server:
    """What the configuration of PostgreSQL depends on."""

    data: Path
    etc: Path
    """Where pg_hba.conf and pg_ident.conf lie."""
    sockets: Path
    """The directory of the unix socket."""
    account: str
    """The system's user that the server runs as; it is the only one that gets superuser."""


def configuration(server: Server) -> dict[str, str]:
    """The server's files: name in `server.etc` to text."""
    names = ("postgresql.conf", "pg_hba.conf", "pg_ident.conf")
    return {name: render("database", name, **asdict(server)) for name in names}


def role_sql(password: str) -> str:
    """A psql script that makes role and database, or brings them to what is wanted."""
    return render("database", "role.sql", name=NAME, password=password)
