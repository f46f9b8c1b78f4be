"""Where signed-in sessions live: Redis when there is one, otherwise PostgreSQL."""

import time
from datetime import timedelta
from typing import Protocol, cast

from redis.asyncio import Redis

from skytier_app.cache import unavailability
from skytier_app.database import Database
from skytier_app.metrics.figures import looked_up
from skytier_app.secret_token import new_token, token_hash


class SessionStore(Protocol):
    """Sessions by their token. A store keeps only the token's hash.

    Every method raises DatabaseUnavailable or CacheUnavailable when the store is out of reach.
    """

    async def create(self, user_id: int) -> str:
        """Begin a session; its token."""
        ...

    async def user_id(self, token: str) -> int | None:
        """Whose session it is; None when it is unknown, ended or expired."""
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

    async def create(self, user_id: int) -> str:
        token = new_token()
        await self._database.execute(
            "INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + $3)",
            token_hash(token),
            user_id,
            self._lifetime,
        )
        return token

    async def user_id(self, token: str) -> int | None:
        return cast(
            int | None,
            await self._database.fetchval(
                "SELECT user_id FROM sessions WHERE token_hash = $1 AND expires_at > now()",
                token_hash(token),
            ),
        )

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

    def __init__(self, redis: Redis, lifetime: timedelta) -> None:
        self._redis = redis
        self._lifetime = lifetime

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

    async def user_id(self, token: str) -> int | None:
        with unavailability():
            found = await self._redis.get(f"session:{token_hash(token).hex()}")
        looked_up("sessions", found is not None)
        return int(found) if found else None

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
