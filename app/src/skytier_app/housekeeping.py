"""What a worker does in the background, beside the requests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from skytier_app.database import Database, DatabaseUnavailable
from skytier_app.idempotency import LIFETIME

_log = logging.getLogger(__name__)


@asynccontextmanager
async def every(seconds: float, task: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run the task at once and then every `seconds`, for the time of the block."""

    async def repeat() -> None:
        while True:
            try:
                await task()
            except DatabaseUnavailable as error:
                _log.warning("left out, the database is away: %s", error)
            except Exception:
                _log.exception("a task in the background failed, and is tried again")
            await asyncio.sleep(seconds)

    running = asyncio.create_task(repeat())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def in_turn(
    turns: asyncio.Lock, task: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    """The task, run only while no other task holds the lock."""

    async def run() -> None:
        async with turns:
            await task()

    return run


async def sweep_expired(database: Database, log_kept: timedelta) -> None:
    """Delete expired sessions, counters and stored answers, and entries of the security log that
    are older than `log_kept`. Any worker may do it at any time."""
    await database.execute("DELETE FROM sessions WHERE expires_at < now()")
    await database.execute("DELETE FROM rate_limits WHERE ends_at < now()")
    await database.execute(
        "DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval", LIFETIME
    )
    await database.execute(
        "DELETE FROM security_events WHERE created_at < now() - $1::interval", log_kept
    )
