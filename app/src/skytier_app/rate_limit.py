"""Rate limits: how often one address or one account may do something in a minute."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from fastapi import Request

from skytier_app.cache import CacheUnavailable, unavailability
from skytier_app.client_address import client_address
from skytier_app.database import Database
from skytier_app.problems import Problem

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")
_log = logging.getLogger(__name__)
WINDOW_S = 60
PAUSE_S = 5.0
"""After Redis did not answer, it is not asked for so long."""


class HitCounter(Protocol):
    """Counts hits in fixed windows of WINDOW_S seconds."""

    async def hit(self, key: str) -> tuple[int, int]:
        """Count one more: (hits in this window, seconds until it ends)."""
        ...

    async def count(self, key: str) -> tuple[int, int]:
        """Count nothing: (hits in this window, seconds until it ends)."""
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

    async def count(self, key: str) -> tuple[int, int]:
        row = await self._database.fetchrow(
            """
            SELECT hits, ceil(extract(epoch FROM ends_at - now()))::int AS rest
            FROM rate_limits WHERE key = $1 AND ends_at > now()
            """,
            key,
        )
        return (row["hits"], row["rest"]) if row else (0, WINDOW_S)

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

    async def count(self, key: str) -> tuple[int, int]:
        name = f"hits:{key}"
        with unavailability():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.get(name)
                pipeline.ttl(name)
                hits, rest = await pipeline.execute()
        return (int(hits), max(cast(int, rest), 1)) if hits else (0, WINDOW_S)

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
        return await self._asked(lambda counter: counter.hit(key))

    async def count(self, key: str) -> tuple[int, int]:
        return await self._asked(lambda counter: counter.count(key))

    async def take_back(self, key: str) -> None:
        await self._asked(lambda counter: counter.take_back(key))

    async def _asked(self, ask: Callable[[HitCounter], Awaitable[T]]) -> T:
        if time.monotonic() >= self._asked_again_at:
            try:
                return await ask(self._redis)
            except CacheUnavailable as error:
                self._asked_again_at = time.monotonic() + PAUSE_S
                _log.warning(
                    "Redis does not answer, so limits are counted in the database: %s", error
                )
        return await ask(self._instead)


class LocalHits:
    """Counters of this worker alone: for what is too frequent to count in a store."""

    def __init__(self) -> None:
        self._ends_at = 0.0
        self._hits: dict[str, int] = {}

    async def hit(self, key: str) -> tuple[int, int]:
        hits, rest_s = await self.count(key)
        self._hits[key] = hits + 1
        return hits + 1, rest_s

    async def count(self, key: str) -> tuple[int, int]:
        now = time.monotonic()
        if now >= self._ends_at:
            self._ends_at = (now // WINDOW_S + 1) * WINDOW_S
            self._hits.clear()
        return self._hits.get(key, 0), int(self._ends_at - now) + 1

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
        raise _too_many(whose, rest_s)


async def check_limit(counter: HitCounter, action: str, whose: str, per_minute: int) -> None:
    """Problem 429 when an action would be one too many. Counts nothing: see `count`."""
    hits, rest_s = await counter.count(f"{action}:{whose}")
    if hits >= per_minute:
        raise _too_many(whose, rest_s)


async def count(counter: HitCounter, action: str, whose: str) -> None:
    """Count an action that was let through by `check_limit`."""
    await counter.hit(f"{action}:{whose}")


def _too_many(whose: str, rest_s: int) -> Problem:
    source = "of this account" if whose.startswith("account") else "from this address"
    return Problem(
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
