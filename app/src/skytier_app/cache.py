"""The connection to Redis, and what its failures mean to a request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker without Redis does not load its client
    from redis.asyncio import Redis


class CacheUnavailable(Exception):  # noqa: N818  # a condition, not a fault of the program
    """Redis cannot be reached. Answered with 503 where a session is needed."""


@contextmanager
def unavailability() -> Iterator[None]:
    """Turn every error that means "Redis cannot be reached" into CacheUnavailable."""
    from redis import exceptions

    away = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ReadOnlyError)
    try:
        yield
    except (OSError, *away) as error:
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

    # One more try covers a connection that Redis closed while it lay idle.
    redis = Redis.from_url(
        url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1)
    )
    try:
        yield redis
    finally:
        await redis.aclose()
