"""How often one address may do a thing, counted where all workers see it."""

from typing import TYPE_CHECKING, Protocol, cast

from fastapi import Request

from skytier_app.cache import unavailability
from skytier_app.client_address import client_address
from skytier_app.database import Database
from skytier_app.problems import Problem

if TYPE_CHECKING:
    from redis.asyncio import Redis

WINDOW_S = 60


class HitCounter(Protocol):
    """Counts hits in fixed windows of WINDOW_S seconds."""

    async def hit(self, key: str) -> tuple[int, int]:
        """Count one more: (hits in this window, seconds until it ends)."""
        ...

    async def take_back(self, key: str) -> None:
        """Count one less."""
        ...


class PostgresHits:
    """Counters in the unlogged table `rate_limits`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hit(self, key: str) -> tuple[int, int]:
        row = await self._database.fetchrow(
            """
            INSERT INTO rate_limits AS held (key, hits, ends_at)
            VALUES ($1, 1, now() + make_interval(secs => $2))
            ON CONFLICT (key) DO UPDATE SET
                hits = CASE WHEN held.ends_at > now() THEN held.hits + 1 ELSE 1 END,
                ends_at = CASE WHEN held.ends_at > now() THEN held.ends_at
                               ELSE excluded.ends_at END
            RETURNING hits, ceil(extract(epoch FROM ends_at - now()))::int AS rest
            """,
            key,
            WINDOW_S,
        )
        assert row is not None  # noqa: S101  # RETURNING of an upsert
        return row["hits"], row["rest"]

    async def take_back(self, key: str) -> None:
        await self._database.execute(
            "UPDATE rate_limits SET hits = greatest(hits - 1, 0) WHERE key = $1", key
        )


class RedisHits:
    """Counters as `hits:KEY`, which end by themselves."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def hit(self, key: str) -> tuple[int, int]:
        name = f"hits:{key}"
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                # The first hit makes the key with its end; the others leave the end as it is.
                pipeline.set(name, 0, ex=WINDOW_S, nx=True)
                pipeline.incr(name)
                pipeline.ttl(name)
                _, hits, rest = await pipeline.execute()
        return cast(int, hits), max(cast(int, rest), 1)

    async def take_back(self, key: str) -> None:
        name = f"hits:{key}"
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(name, 1, ex=WINDOW_S, nx=True)  # its window may have ended meanwhile
                pipeline.decr(name)
                await pipeline.execute()


async def limit(request: Request, counter: HitCounter, action: str, per_minute: int) -> None:
    """Count an action of the request's address; Problem 429 when there were too many."""
    hits, rest_s = await counter.hit(_key(request, action))
    if hits > per_minute:
        raise Problem(
            429,
            f"Too many attempts from this address. Try again in {rest_s} s.",
            headers={"Retry-After": str(rest_s)},
        )


async def forgive(request: Request, counter: HitCounter, action: str) -> None:
    """Take an action back that went well.

    It is counted first all the same: many attempts at once must not all find the count low.
    """
    await counter.take_back(_key(request, action))


def _key(request: Request, action: str) -> str:
    return f"{action}:{client_address(request) or 'local'}"
