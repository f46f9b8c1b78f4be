"""The connection to Redis, and what its failures mean to a request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker without Redis does not load its client
    from redis.asyncio import Redis


TIMEOUT_S = 0.25
"""For a connection to Redis, and for each answer."""


class CacheUnavailable(Exception):  # noqa: N818  # a condition, not a fault of the program
    """Redis cannot be reached. No request fails because of it: the caller does without."""


@contextmanager
def unavailability() -> Iterator[None]:
    """Turn every error of Redis, or on the way to it, into CacheUnavailable."""
    from redis import exceptions

    # Also what it answers while it starts, has no memory left, or cannot write its file.
    try:
        yield
    except (OSError, exceptions.RedisError) as error:
        raise CacheUnavailable(str(error)) from error


@asynccontextmanager
async def open_cache(url: str | None) -> AsyncIterator["Redis | None"]:
    """Redis for the time of the block, or None where there is no URL."""
    if url is None:
        yield None
        return
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # A visitor waits for it: another try would take longer than what is done instead.
    redis = Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield redis
    finally:
        await redis.aclose()
