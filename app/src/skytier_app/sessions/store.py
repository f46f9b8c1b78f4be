"""Where signed-in sessions live: Redis when there is one, otherwise PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.accounts import Account
from skytier_app.clients import Client
from skytier_app.secret_token import token_hash

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


@dataclass(frozen=True)
class Session:
    """A session as its user sees it."""

    id: str
    """The first half of the hash of its token, as hexadecimal digits."""
    created_at: datetime
    expires_at: datetime
    client: Client


class SessionStore(Protocol):
    """Sessions by their token. A store keeps only the token's hash.

    Every method raises DatabaseUnavailable or CacheUnavailable when the store is out of reach.
    """

    async def create(self, user_id: int, password_hash: str, client: Client) -> str | None:
        """Begin a session of a user whose password was found to have this hash; its token.

        None when the user has another password by now, or is gone. A user with the maximum number
        of sessions loses the oldest.
        """
        ...

    async def account(self, token: str) -> Account | None:
        """The account of a session; None when the session has ended or the user is gone."""
        ...

    async def end(self, token: str) -> int | None:
        """End one session, if it is there; the id of its user."""
        ...

    async def end_all(
        self, connection: Connection, user_id: int, *, but: str | None = None
    ) -> None:
        """End all sessions of a user, but the one with this token.

        `connection` has a transaction that holds the user. When it is committed, no session begins
        any more by a password that it has changed.
        """
        ...

    async def of_user(self, user_id: int) -> list[Session]:
        """A user's sessions, newest first."""
        ...

    async def end_one(self, user_id: int, session_id: str) -> bool:
        """End the session of a user that has this id; whether it was there."""
        ...


def session_id(token: str) -> str:
    """The id of the session with this token."""
    return id_of(token_hash(token))


def id_of(hashed: bytes) -> str:
    """The id of the session whose token has this hash."""
    return hashed[:16].hex()
