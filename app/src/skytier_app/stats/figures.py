"""Figures that take long to count are kept for a while; the others are those of now."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import asyncpg

from skytier_app.batching import SingleFlight
from skytier_app.database import Database
from skytier_app.stats import queries

SHARE = 20
"""Counting takes one part in so many of a connection's time at the most."""
QUICK_S = 0.005
"""What takes no longer is not worth to be kept."""

V = TypeVar("V")


class Kept(Generic[V]):
    """Counts when asked, once for all who ask meanwhile, and keeps what took long for SHARE times
    as long as it took: a table grows, and no number of visitors makes it be read all the time."""

    def __init__(self, count: Callable[[], Awaitable[V]]) -> None:
        self._count = count
        self._newest = SingleFlight(self._renewed)
        self._kept: V | None = None
        self._until = 0.0

    async def get(self) -> V:
        """The figures. Raises DatabaseUnavailable when they have to be counted and cannot be."""
        if self._kept is not None and time.monotonic() < self._until:
            return self._kept
        return await self._newest.get(None)

    async def _renewed(self, _: None) -> V:
        began = time.monotonic()
        if self._kept is None or began >= self._until:
            self._kept = await self._count()
            seconds = time.monotonic() - began
            self._until = began + (SHARE * seconds if seconds > QUICK_S else 0)
        return self._kept


class Figures:
    """The figures of one worker; those of a large table may be a while old (`Kept`)."""

    def __init__(self, database: Database) -> None:
        self._counts = Kept(lambda: queries.counts(database))
        self._days = Kept(lambda: queries.posts_per_day(database))

    async def counts(self) -> asyncpg.Record:
        """As `queries` has them."""
        return await self._counts.get()

    async def posts_per_day(self) -> list[asyncpg.Record]:
        """As `queries` has them."""
        return await self._days.get()
