"""PostgreSQL's configuration, wherever it runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from skytier.render import render

PACKAGE = "skytier.services.postgresql"
NAME = "skytier"
"""The database, and the role that owns it."""
SECOND = f"{NAME}_2"
"""A role that the application logs in as in turn with the owner."""
SUPERUSER = "postgres"
MONITOR = "prometheus"
"""The role of the exporter, called as the system's user that the exporter runs as."""

REPLICATION, REWIND = f"{NAME}_replication", f"{NAME}_rewind"
"""The roles of the members of a database among each other."""
LEAVE = "/usr/local/lib/skytier/patroni-leave"
"""A script that has another member be the primary, and stops this one."""
LOOPBACK, PRIMARY_PORT, REPLICAS_PORT = "127.0.0.1", 6432, 6433
"""Where clients on a web server find the members: HAProxy on their own machine."""


@dataclass(frozen=True)
class PostgresqlConfig:
    """What the configuration of a PostgreSQL of our own depends on."""

    data: Path
    etc: Path
    """Where pg_hba.conf and pg_ident.conf lie."""
    sockets: Path
    """The directory of the unix socket."""
    account: str
    """The system's user that the server runs as; it is the only one that gets superuser."""


def configuration(server: PostgresqlConfig) -> dict[str, str]:
    """The server's files: name in `server.etc` to text. It listens on its unix socket only."""
    return {
        "postgresql.conf": render(PACKAGE, "postgresql.conf", **asdict(server)),
        "pg_hba.conf": pg_hba(),
        "pg_ident.conf": pg_ident(server.account),
    }


def pg_hba(
    network: str | None = None, *, watched: bool = False, members: Sequence[str] = ()
) -> str:
    """Who may connect: through the unix socket and, by TLS, from a network (`192.168.128.0/24`).

    Where it is `watched`, the exporter too. `members` are the addresses of several members of the
    database, which are each other's replicas.
    """
    values = {
        "name": NAME,
        "second": SECOND,
        "network": network,
        "monitor": MONITOR if watched else None,
        "members": members,
        "replication": REPLICATION,
        "rewind": REWIND,
    }
    return render(PACKAGE, "pg_hba.conf", **values)


def monitor_sql() -> str:
    """A psql script that makes the role of the exporter."""
    return render(PACKAGE, "monitor.sql", account=MONITOR)


def pg_ident(account: str) -> str:
    """The system's user that may become the superuser."""
    return render(PACKAGE, "pg_ident.conf", account=account)


def role_sql(login: str, password: str) -> str:
    """A psql script that makes roles and database, or brings them to what is wanted.

    `login` is the role that gets the password.
    """
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    return f"\\set login {login}\n\\set password '{quoted}'\n" + role_sql_without_login()


def role_sql_without_login(locale: str | None = None) -> str:
    """The same, for a psql whose variables `login` and `password` are set.

    The database gets UTF-8 and `locale`, or what the cluster has.
    """
    return render(PACKAGE, "role.sql", name=NAME, second=SECOND, locale=locale)
