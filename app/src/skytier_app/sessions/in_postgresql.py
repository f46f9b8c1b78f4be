"""Sessions in the table `sessions`."""

from collections.abc import Collection
from datetime import timedelta

from skytier_app.accounts import Account
from skytier_app.batching import Batch
from skytier_app.clients import Client
from skytier_app.database import Database
from skytier_app.secret_token import new_token, token_hash
from skytier_app.sessions.store import Connection, Session, id_of
from skytier_app.users.queries import lock_user


class PostgresSessions:
    """A SessionStore. At most `most` sessions of one user."""

    def __init__(self, database: Database, lifetime: timedelta, most: int) -> None:
        self._database = database
        self._lifetime = lifetime
        self._most = most
        self._accounts = Batch(self._find)

    async def create(self, user_id: int, password_hash: str, client: Client) -> str | None:
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
        found: int | None = await self._database.fetchval(
            "DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id", token_hash(token)
        )
        return found

    async def end_all(
        self, connection: Connection, user_id: int, *, but: str | None = None
    ) -> None:
        await connection.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND token_hash IS DISTINCT FROM $2",
            user_id,
            token_hash(but) if but else None,
        )

    async def of_user(self, user_id: int) -> list[Session]:
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
        ended = await self._database.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND substr(token_hash, 1, 16) = $2",
            user_id,
            bytes.fromhex(session_id),
        )
        return ended > 0
