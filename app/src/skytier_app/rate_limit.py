"""Rate limits: how often one address or one account may do something in a minute."""

import logging
import time
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Protocol, cast

from fastapi import Request

from skytier_app.cache import CacheUnavailable, unavailability
from skytier_app.client_address import client_address
from skytier_app.database import Database
from skytier_app.problems import Problem

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)
WINDOW_S = 60
PAUSE_S = 5.0
"""After Redis did not answer, it is not asked for so long."""


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
    """Counters in Redis as `hits:KEY`, which expire by themselves."""

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


class HitsElsewhere:
    """Counters in Redis; in the database while Redis is away.

    Both begin at nothing when they are turned to, so a window may allow twice as much once.
    """

    def __init__(self, redis: HitCounter, *, instead: HitCounter) -> None:
        self._redis = redis
        self._instead = instead
        self._asked_again_at = 0.0

    async def hit(self, key: str) -> tuple[int, int]:
        if time.monotonic() >= self._asked_again_at:
            try:
                return await self._redis.hit(key)
            except CacheUnavailable as error:
                self._pause(error)
        return await self._instead.hit(key)

    async def take_back(self, key: str) -> None:
        if time.monotonic() >= self._asked_again_at:
            try:
                await self._redis.take_back(key)
            except CacheUnavailable as error:
                self._pause(error)
            else:
                return
        await self._instead.take_back(key)

    def _pause(self, error: CacheUnavailable) -> None:
        self._asked_again_at = time.monotonic() + PAUSE_S
        _log.warning("Redis does not answer, so limits are counted in the database: %s", error)


class LocalHits:
    """Counters of this worker alone: for what is too frequent to count in a store."""

    def __init__(self) -> None:
        self._ends_at = 0.0
        self._hits: dict[str, int] = {}

    async def hit(self, key: str) -> tuple[int, int]:
        now = time.monotonic()
        if now >= self._ends_at:
            self._ends_at = (now // WINDOW_S + 1) * WINDOW_S
            self._hits.clear()
        hits = self._hits[key] = self._hits.get(key, 0) + 1
        return hits, int(self._ends_at - now) + 1

    async def take_back(self, key: str) -> None:
        self._hits[key] = max(self._hits.get(key, 0) - 1, 0)


def of_address(request: Request) -> str:
    """The key that counts the actions of the request's address.

    An IPv6 network of 64 bits counts as one address: one customer has at least that many.
    """
    address = client_address(request)
    return f"address {_network(address) if address else 'unknown'}"


@lru_cache(maxsize=4096)
def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), 64), strict=False))
    return str(address)


def of_account(user_id: int) -> str:
    """The key that counts the actions of an account."""
    return f"account {user_id}"


async def limit(counter: HitCounter, action: str, whose: str, per_minute: int) -> None:
    """Count an action of `of_address` or `of_account`; Problem 429 when there were too many."""
    hits, rest_s = await counter.hit(f"{action}:{whose}")
    if hits > per_minute:
        source = "of this account" if whose.startswith("account") else "from this address"
        raise Problem(
            429,
            f"Too many attempts {source}. Try again in {rest_s} s.",
            headers={"Retry-After": str(rest_s)},
        )


async def take_back(counter: HitCounter, action: str, whose: str) -> None:
    """Take back an action that does not count after all.

    It was counted before its outcome was known, so that many attempts at once do not all find the
    count low.
    """
    await counter.take_back(f"{action}:{whose}")
