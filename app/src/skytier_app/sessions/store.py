"""Where signed-in sessions live: Redis when there is one, otherwise PostgreSQL."""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, cast

from skytier_app.accounts import Account
from skytier_app.cache import unavailability
from skytier_app.database import Database
from skytier_app.metrics.figures import looked_up
from skytier_app.secret_token import new_token, token_hash
from skytier_app.together import Batch

if TYPE_CHECKING:
    from redis.asyncio import Redis


class SessionStore(Protocol):
    """Sessions by their token. A store keeps only the token's hash.

    Every method raises DatabaseUnavailable or CacheUnavailable when the store is out of reach.
    """

    async def create(self, user_id: int) -> str:
        """Begin a session; its token."""
        ...

    async def account(self, token: str) -> Account | None:
        """Whose session it is; None when it is unknown, ended or expired, or they are gone."""
        ...

    async def end(self, token: str) -> None:
        """End one session, if it is there."""
        ...

    async def end_all(self, user_id: int, *, but: str | None = None) -> None:
        """End all sessions of a user, but the one with this token."""
        ...


class PostgresSessions:
    """Sessions in the table `sessions`."""

    def __init__(self, database: Database, lifetime: timedelta) -> None:
        self._database = database
        self._lifetime = lifetime
        self._accounts = Batch(self._find)

    async def create(self, user_id: int) -> str:
        token = new_token()
        await self._database.execute(
            "INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + $3)",
            token_hash(token),
            user_id,
            self._lifetime,
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

    async def end(self, token: str) -> None:
        await self._database.execute(
            "DELETE FROM sessions WHERE token_hash = $1", token_hash(token)
        )

    async def end_all(self, user_id: int, *, but: str | None = None) -> None:
        await self._database.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND token_hash IS DISTINCT FROM $2",
            user_id,
            token_hash(but) if but else None,
        )


class RedisSessions:
    """Sessions as `session:HASH` → user id.

    The sorted set `user-sessions:ID` has a user's hashes, by the time of their end.
    """

    def __init__(self, redis: "Redis", database: Database, lifetime: timedelta) -> None:
        self._redis = redis
        self._lifetime = lifetime
        self._accounts = Batch[int, Account](lambda ids: _find_accounts(database, ids))

    async def create(self, user_id: int) -> str:
        token = new_token()
        name = token_hash(token).hex()
        now = time.time()
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(f"session:{name}", user_id, ex=self._lifetime)
                pipeline.zremrangebyscore(f"user-sessions:{user_id}", "-inf", now)
                ends_at = now + self._lifetime.total_seconds()
                pipeline.zadd(f"user-sessions:{user_id}", {name: ends_at})
                pipeline.expire(f"user-sessions:{user_id}", self._lifetime)
                await pipeline.execute()
        return token

    async def account(self, token: str) -> Account | None:
        with unavailability():
            found = await self._redis.get(f"session:{token_hash(token).hex()}")
        looked_up("sessions", found is not None)
        return await self._accounts.get(int(found)) if found else None

    async def end(self, token: str) -> None:
        name = token_hash(token).hex()
        with unavailability():
            found = await self._redis.getdel(f"session:{name}")
            if found:
                await self._redis.zrem(f"user-sessions:{int(found)}", name)

    async def end_all(self, user_id: int, *, but: str | None = None) -> None:
        kept = token_hash(but).hex() if but else None
        with unavailability():
            members = cast(list[bytes], await self._redis.zrange(f"user-sessions:{user_id}", 0, -1))
            names = [name for member in members if (name := member.decode()) != kept]
            if names:
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.delete(*(f"session:{name}" for name in names))
                    pipeline.zrem(f"user-sessions:{user_id}", *names)
                    await pipeline.execute()


async def _find_accounts(database: Database, user_ids: Collection[int]) -> dict[int, Account]:
    rows = await database.fetch(
        "SELECT id, username, email, is_admin, created_at FROM users WHERE id = ANY($1)", user_ids
    )
    return {row["id"]: Account.of(row) for row in rows}
