"""Where signed-in sessions live: in PostgreSQL, also where there is a Redis."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.accounts import Account
from skytier_app.batching import Batch
from skytier_app.clients import Client
from skytier_app.database import Database
from skytier_app.secret_token import new_token, token_hash
from skytier_app.users.queries import lock_user

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


@dataclass(frozen=True)
class Session:
    """A session as its user sees it."""

    id: str
    """The first half of the hash of its token, as hexadecimal digits."""
    created_at: datetime
    expires_at: datetime
    client: Client


class Sessions:
    """Sessions by their token, in the table `sessions`. The table has only the token's hash.

    At most `most` sessions of one user. Every method raises DatabaseUnavailable when the database
    is out of reach.
    """

    def __init__(self, database: Database, lifetime: timedelta, most: int) -> None:
        self._database = database
        self._lifetime = lifetime
        self._most = most
        self._accounts = Batch(self._find)

    async def create(self, user_id: int, password_hash: str, client: Client) -> str | None:
        """Begin a session of a user whose password was found to have this hash; its token.

        None when the user has another password by now, or is gone. A user with the maximum number
        of sessions loses the oldest.
        """
        token = new_token()
        async with self._database.transaction() as connection:
            # Who changes the password holds the user too, and ends the sessions in the same
            # transaction: either this one is there by then, or the hash has changed.
            if not await lock_user(connection, user_id, password_hash):
                return None
            await connection.execute(
                # The time of this statement: the transaction may have waited for others.
                "INSERT INTO sessions (token_hash, user_id, created_at, expires_at, address, "
                "user_agent) VALUES ($1, $2, clock_timestamp(), now() + $3, $4, $5)",
                token_hash(token),
                user_id,
                self._lifetime,
                client.address,
                client.user_agent,
            )
            await connection.execute(
                "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions "
                "WHERE user_id = $1 ORDER BY created_at DESC, token_hash OFFSET $2)",
                user_id,
                self._most,
            )
        return token

    async def account(self, token: str) -> Account | None:
        """The account of a session; None when the session has ended or the user is gone."""
        return await self._accounts.get(token_hash(token))

    async def _find(self, hashes: Collection[bytes]) -> dict[bytes, Account]:
        rows = await self._database.fetch(
            "SELECT token_hash, users.id, username, email, is_admin, users.created_at "
            "FROM sessions JOIN users ON users.id = user_id "
            "WHERE token_hash = ANY($1) AND expires_at > now()",
            hashes,
        )
        return {row["token_hash"]: Account.of(row) for row in rows}

    async def end(self, token: str) -> int | None:
        """End one session, if it is there; the id of its user."""
        found: int | None = await self._database.fetchval(
            "DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id", token_hash(token)
        )
        return found

    async def end_all(
        self, connection: Connection, user_id: int, *, but: str | None = None
    ) -> None:
        """End all sessions of a user, but the one with this token.

        `connection` has a transaction that holds the user. When it is committed, no session begins
        any more by a password that it has changed.
        """
        await connection.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND token_hash IS DISTINCT FROM $2",
            user_id,
            token_hash(but) if but else None,
        )

    async def of_user(self, user_id: int) -> list[Session]:
        """A user's sessions, newest first."""
        rows = await self._database.fetch(
            "SELECT token_hash, created_at, expires_at, address, user_agent FROM sessions "
            "WHERE user_id = $1 AND expires_at > now() ORDER BY created_at DESC, token_hash",
            user_id,
        )
        return [
            Session(
                id=id_of(row["token_hash"]),
                created_at=row["created_at"],
                expires_at=row["expires_at"],
                client=Client(row["address"], row["user_agent"]),
            )
            for row in rows
        ]

    async def end_one(self, user_id: int, session_id: str) -> bool:
        """End the session of a user that has this id; whether it was there."""
        ended = await self._database.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND substr(token_hash, 1, 16) = $2",
            user_id,
            bytes.fromhex(session_id),
        )
        return ended > 0


def session_id(token: str) -> str:
    """The id of the session with this token."""
    return id_of(token_hash(token))


def id_of(hashed: bytes) -> str:
    """The id of the session whose token has this hash."""
    return hashed[:16].hex()
