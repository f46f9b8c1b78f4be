"""Rotation of the database's password: from the first statement to the last, wherever it runs.

What is written down decides what a run does, so one that was interrupted at any point is finished
by the next: the new login is kept aside before the database knows it, and becomes the current one
once the database does. While the former role may still log in, the rotation is not finished.
"""

from typing import Protocol

from skytier.errors import SkytierError
from skytier.services.postgresql.config import role_sql
from skytier.services.postgresql.login import Login

WAIT_S = 300.0
"""How long what runs with the former password may go on before the run gives up waiting."""
REPLAYED_WITHIN_S = 30
"""How long a replica is waited for, until it knows that the former role does not log in."""


class Place(Protocol):
    """Where the database and its current login are. Every method raises SkytierError."""

    def current(self) -> Login:
        """The login that is in use."""

    def kept_aside(self) -> Login | None:
        """The one that a rotation is about to put in its place."""

    def keep_aside(self, login: Login) -> None:
        """Keep one, before anything uses it."""

    def take_over(self) -> None:
        """Have the one that is kept aside be the current one, in one step."""

    def sql(self, script: str) -> str:
        """Run a psql script as the superuser. Returns its output, unaligned."""

    def on_replicas(self, script: str) -> None:
        """The same on each replica that answers, where nothing can be written."""


def begin(place: Place) -> bool:
    """Have a new login, which the database takes beside the former one.

    Returns False where a rotation was interrupted after this, and is to be finished instead.
    """
    now = place.current()
    new = place.kept_aside()
    if new is None:
        if place.sql(_can_log_in(now.other)).strip() == "t":
            # A database that was restored may not know the current password.
            place.sql(role_sql(now.role, now.password))
            return False
        new = now.next()
        place.keep_aside(new)
    place.sql(role_sql(new.role, new.password))
    place.take_over()
    return True


def finish(place: Place) -> None:
    """Have the former role log in no more, and end what it still has open, on replicas too."""
    former = place.current().other
    place.sql(_retire(former) + _end(former))
    place.on_replicas(_await_retired(former) + _end(former))


def still_used(by: str) -> SkytierError:
    """What is said when the wait is given up: `by` is what has the former password."""
    return SkytierError(
        f"The application has the new password. The old one still works, because {by} use it.",
        "Run it again when they have ended. To end their connections: skytier secret rotate "
        "DATABASE_URL --now",
    )


def _can_log_in(role: str) -> str:
    return f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{role}';\n"  # noqa: S608


def _retire(role: str) -> str:
    return f"ALTER ROLE {role} NOLOGIN PASSWORD NULL;\n"


def _end(role: str) -> str:
    sessions = f"pg_stat_activity WHERE usename = '{role}'"
    return f"SELECT count(pg_terminate_backend(pid)) FROM {sessions};\n"  # noqa: S608


def _await_retired(role: str) -> str:
    """Until a replica knows it, the role would come back at once. One that lags ends it later."""
    may = f"SELECT FROM pg_roles WHERE rolname = '{role}' AND rolcanlogin"
    return (
        f"DO $$BEGIN FOR tries IN 1..{REPLAYED_WITHIN_S * 10} LOOP\n"
        f"    EXIT WHEN NOT EXISTS ({may});\n"
        "    PERFORM pg_sleep(0.1);\n"
        "END LOOP; END$$;\n"
    )
