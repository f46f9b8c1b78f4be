"""Counts for the statistics. Those that take long are kept for a while."""

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import asyncpg

from skytier_app.batching import SingleFlight
from skytier_app.database import Reader
from skytier_app.stats import queries

SHARE = 20
"""Counting takes at most 1/SHARE of a connection's time."""
QUICK_S = 0.005
"""Counts that take no longer are not kept."""

V = TypeVar("V")


class Kept(Generic[V]):
    """Counts once for all concurrent callers, and keeps a count for SHARE times as long as it took.

    However large the table and however many the visitors, it is not read all the time.
    """

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

    def __init__(self, database: Reader) -> None:
        self._counts = Kept(lambda: queries.counts(database))
        self._days = Kept(lambda: queries.posts_per_day(database))

    async def counts(self) -> asyncpg.Record:
        """As `queries` has them."""
        return await self._counts.get()

    async def posts_per_day(self) -> list[asyncpg.Record]:
        """As `queries` has them."""
        return await self._days.get()
