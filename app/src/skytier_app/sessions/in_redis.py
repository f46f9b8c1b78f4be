"""Sessions in Redis."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import orjson

from skytier_app.accounts import Account
from skytier_app.batching import Batch
from skytier_app.cache import unavailability
from skytier_app.clients import NO_CLIENT, Client
from skytier_app.database import Database
from skytier_app.metrics.figures import looked_up
from skytier_app.secret_token import new_token, token_hash
from skytier_app.sessions.store import Connection, Session, id_of
from skytier_app.users.queries import lock_user

if TYPE_CHECKING:
    from redis.asyncio import Redis


class RedisSessions:
    """A SessionStore: `session:HASH` → user id. At most `most` sessions of one user.

    The sorted set `user-sessions:ID` has a user's hashes, by the time of their end. What the user
    sees of a session stands in `session-client:HASH`; a session of an older release has none.
    """

    def __init__(self, redis: "Redis", database: Database, lifetime: timedelta, most: int) -> None:
        self._redis = redis
        self._database = database
        self._lifetime = lifetime
        self._most = most
        self._accounts = Batch[int, Account](lambda ids: _find_accounts(database, ids))

    async def create(self, user_id: int, password_hash: str, client: Client) -> str | None:
        token = new_token()
        name, of_user = token_hash(token).hex(), f"user-sessions:{user_id}"
        now = datetime.now(UTC)
        shown = {"created_at": now, "address": client.address, "user_agent": client.user_agent}
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(f"session:{name}", user_id, ex=self._lifetime)
                pipeline.set(f"session-client:{name}", orjson.dumps(shown), ex=self._lifetime)
                pipeline.zremrangebyscore(of_user, "-inf", now.timestamp())
                pipeline.zadd(of_user, {name: (now + self._lifetime).timestamp()})
                pipeline.expire(of_user, self._lifetime)
                pipeline.zrange(of_user, 0, -(self._most + 1))  # more than there may be
                *_, oldest = await pipeline.execute()
        await self._end(user_id, _names(oldest))
        # Asked when it is stored, and before anybody has the token. Who changes the password holds
        # the user while they end the sessions that are there: either they have ended this one, or
        # this waits until the password is another.
        if await lock_user(self._database, user_id, password_hash):
            return token
        await self._end(user_id, [name])
        return None

    async def account(self, token: str) -> Account | None:
        with unavailability():
            found = await self._redis.get(f"session:{token_hash(token).hex()}")
        looked_up("sessions", found is not None)
        return await self._accounts.get(int(found)) if found else None

    async def end(self, token: str) -> int | None:
        name = token_hash(token).hex()
        with unavailability():
            found = await self._redis.get(f"session:{name}")
        if found:
            await self._end(int(found), [name])
        return int(found) if found else None

    async def end_all(self, _: Connection, user_id: int, *, but: str | None = None) -> None:
        kept = token_hash(but).hex() if but else None
        names = [name for name, _ in await self._held(user_id) if name != kept]
        await self._end(user_id, names)

    async def of_user(self, user_id: int) -> list[Session]:
        held = await self._held(user_id)
        if not held:
            return []
        with unavailability():
            # One that has ended may still be in the set.
            there = await self._redis.mget([f"session:{name}" for name, _ in held])
            shown = cast(
                list[bytes | None],
                await self._redis.mget([f"session-client:{name}" for name, _ in held]),
            )
        found = [
            self._session(name, ends_at, kept)
            for (name, ends_at), is_there, kept in zip(held, there, shown, strict=True)
            if is_there
        ]
        return sorted(found, key=lambda session: session.created_at, reverse=True)

    def _session(self, name: str, ends_at: datetime, shown: bytes | None) -> Session:
        created_at, client = ends_at - self._lifetime, NO_CLIENT
        if shown:
            values: dict[str, Any] = orjson.loads(shown)
            created_at = datetime.fromisoformat(values["created_at"])
            client = Client(values["address"], values["user_agent"])
        return Session(id_of(bytes.fromhex(name)), created_at, ends_at, client)

    async def end_one(self, user_id: int, session_id: str) -> bool:
        names = [name for name, _ in await self._held(user_id) if name.startswith(session_id)]
        return await self._end(user_id, names) > 0

    async def _held(self, user_id: int) -> list[tuple[str, datetime]]:
        with unavailability():
            members = cast(
                list[tuple[bytes, float]],
                await self._redis.zrange(f"user-sessions:{user_id}", 0, -1, withscores=True),
            )
        return [(name.decode(), datetime.fromtimestamp(at, UTC)) for name, at in members]

    async def _end(self, user_id: int, names: Sequence[str]) -> int:
        """End sessions of a user; how many of them were there."""
        if not names:
            return 0
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(*(f"session:{name}" for name in names))
                pipeline.delete(*(f"session-client:{name}" for name in names))
                pipeline.zrem(f"user-sessions:{user_id}", *names)
                return cast(int, (await pipeline.execute())[0])


def _names(members: Sequence[bytes]) -> list[str]:
    return [member.decode() for member in members]


async def _find_accounts(database: Database, user_ids: Collection[int]) -> dict[int, Account]:
    rows = await database.fetch(
        "SELECT id, username, email, is_admin, created_at FROM users WHERE id = ANY($1)", user_ids
    )
    return {row["id"]: Account.of(row) for row in rows}
