"""Probes of the database and the cache that hold few connections in an outage."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from skytier_app.cache import CacheUnavailable, unavailability
from skytier_app.database import Database, DatabaseUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a probe found: whether it was answered, in how many ms, and what it said."""

    reachable: bool
    latency_ms: float | None = None
    said: str | None = None


class Probe:
    """Asks one thing, once at a time.

    A caller waits no longer than its own time-out. The question continues, and callers that come
    meanwhile share it: together they hold one connection.
    """

    def __init__(self, ask: Callable[[], Awaitable[str | None]]) -> None:
        self._ask = ask
        self._open: asyncio.Task[Answer] | None = None

    async def answer(self, timeout_s: float) -> Answer:
        """What was found; not reachable when there is no answer within `timeout_s` seconds."""
        # In a local variable: when this caller resumes, another may have asked the next question.
        question = self._open
        if question is None or question.done():
            question = self._open = asyncio.create_task(self._run())
        done, _ = await asyncio.wait({question}, timeout=timeout_s)
        return question.result() if done else Answer(reachable=False)

    async def _run(self) -> Answer:
        began = time.perf_counter()
        try:
            said = await self._ask()
        except (DatabaseUnavailable, CacheUnavailable):
            return Answer(reachable=False)
        except Exception:
            _log.exception("the health probe failed")
            return Answer(reachable=False)
        return Answer(True, round((time.perf_counter() - began) * 1000, 3), said)


class HealthProbe:
    """The probes of a worker's database and, where there is one, Redis."""

    def __init__(self, database: Database, redis: "Redis | None") -> None:
        self._status, self._since = "", datetime.now(UTC)
        self.database = Probe(lambda: _schema_revision(database))
        self.cache = Probe(lambda: _ping(redis)) if redis is not None else None

    def since(self, status: str) -> datetime:
        """Since when this worker has seen nothing but this status."""
        if status != self._status:
            self._status, self._since = status, datetime.now(UTC)
        return self._since


async def _schema_revision(database: Database) -> str | None:
    # A database without the schema serves no request, so its revision is what is asked for.
    try:
        revision = await database.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return str(revision) if revision else None


async def _ping(redis: "Redis") -> None:
    with unavailability():
        await redis.ping()
