"""The security log of an account: records events, and lists them."""

import logging
from enum import StrEnum
from typing import Protocol

import asyncpg

from skytier_app.clients import Client
from skytier_app.database import Database
from skytier_app.pagination import Position

_log = logging.getLogger("skytier_app.security")

MOST_OF_A_KIND = 200
"""How many events of each kind are kept: many failed sign-ins remove no other events."""


class Kind(StrEnum):
    """What happened. `subject` of an event says to which thing, where there are several."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    PASSWORD_REFUSED = "password_refused"  # noqa: S105
    USERNAME_CHANGED = "username_changed"
    EMAIL_CHANGED = "email_changed"
    TOKEN_CREATED = "token_created"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    POST_CHANGED = "post_changed"
    POST_DELETED = "post_deleted"
    USER_DELETED = "user_deleted"
    ADMINISTRATOR_MADE = "administrator_made"
    ADMINISTRATOR_REVOKED = "administrator_revoked"


class Executor(Protocol):
    """A database, or a connection with a transaction that an event belongs to."""

    async def execute(self, sql: str, /, *values: object) -> object: ...


async def record(
    executor: Executor,
    user_id: int,
    kind: Kind,
    client: Client,
    *,
    subject: str | None = None,
    actor: str | None = None,
) -> None:
    """Record an event in a user's log and in the application's. Does nothing without the user.

    `actor` is the administrator who did it, if it was not the user.
    """
    # The user is held first: they may be deleted just now, and their events with them.
    await executor.execute(
        """
        WITH noted AS (
            INSERT INTO security_events (user_id, kind, address, user_agent, subject, actor)
            SELECT id, $2, $3, $4, $5, $6 FROM users WHERE id = $1 FOR KEY SHARE
            RETURNING user_id
        )
        DELETE FROM security_events WHERE id IN (
            SELECT id FROM security_events
            WHERE user_id = (SELECT user_id FROM noted) AND kind = $2
            ORDER BY id DESC OFFSET $7 FOR UPDATE SKIP LOCKED
        )
        """,
        *(user_id, str(kind), client.address, client.user_agent, subject, actor),
        MOST_OF_A_KIND - 1,
    )
    _log.info(
        "%s",
        kind,
        extra={"user_id": user_id, "client": client.address, "subject": subject, "actor": actor},
    )


async def list_events(
    database: Database, user_id: int, limit: int, after: Position | None
) -> list[asyncpg.Record]:
    """Up to `limit` events of a user, newest first, from `after` on."""
    columns = "id, kind, created_at, address, user_agent, subject, actor"
    if after is None:
        return await database.fetch(
            f"SELECT {columns} FROM security_events WHERE user_id = $1 "  # noqa: S608
            "ORDER BY created_at DESC, id DESC LIMIT $2",
            user_id,
            limit,
        )
    return await database.fetch(
        f"SELECT {columns} FROM security_events "  # noqa: S608
        "WHERE user_id = $1 AND (created_at, id) < ($3, $4) "
        "ORDER BY created_at DESC, id DESC LIMIT $2",
        user_id,
        limit,
        *after,
    )
