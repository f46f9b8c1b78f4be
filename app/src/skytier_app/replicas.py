"""Reading from a replica, as long as it is not further behind than it may be.

How far behind it is follows from positions in the log, and not from times: what the primary had
written when it was asked, and whether the replica has replayed that. So an idle primary, a wrong
clock, and a replica that has lost its primary make no difference.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import asyncpg

from skytier_app.database import (
    Connection,
    Database,
    DatabaseBusy,
    DatabaseUnavailable,
    Share,
    StatementTimeout,
)
from skytier_app.metrics.figures import READS

ANSWER_S = 1
"""How long a replica may take to connect, or to say how far it is."""
STATEMENT_S = 3
"""A statement that takes longer on a replica is asked of the primary."""
PAUSE_S = 5
"""How long a replica that cannot be reached is not asked again."""

PATIENCE_S = 3
"""How long a read is tried again while neither answers, as in a moment of each failover."""
AGAIN_S = 0.1

_POSITION = "pg_wal_lsn_diff({}, '0/0')::bigint"
_WRITTEN = _POSITION.format("pg_current_wal_flush_lsn()")
_REPLAYED = f"coalesce({_POSITION.format('pg_last_wal_replay_lsn()')}, 0)"
_OF_PRIMARY = f"SELECT CASE WHEN NOT pg_is_in_recovery() THEN {_WRITTEN} END"
# A replica that has become the primary has all that there is.
_OF_REPLICA = f"SELECT CASE WHEN pg_is_in_recovery() THEN {_REPLAYED} ELSE {_WRITTEN} END"

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ReplicaBehind(DatabaseUnavailable):
    """A replica has not replayed what the primary had written `lag_s` seconds ago."""


class Primary:
    """How far the primary's log was in the last moments, by which a replica is measured."""

    def __init__(self, database: Database, lag_s: float) -> None:
        self._database = database
        self._lag_s = lag_s
        self.is_away = False
        """Whether it gave no answer in time when it was last asked."""
        # When it was asked, and how far it was then; oldest first.
        self._seen: deque[tuple[float, int]] = deque()
        self._asked_at = 0.0
        self._question: asyncio.Task[int | None] | None = None

    @property
    def every_s(self) -> float:
        """How often `look` is to be called."""
        return self._lag_s / 4

    async def look(self) -> None:
        """Ask it how far it is. A question without an answer continues, and no other is asked.

        It is away before a replica that was recent with the last answer is so no more: otherwise
        reads would wait for it.
        """
        if self._question is None:
            self._asked_at = time.monotonic()
            self._question = asyncio.create_task(self._database.fetchval(_OF_PRIMARY))
        try:
            done, _ = await asyncio.wait({self._question}, timeout=self._lag_s / 2)
        except asyncio.CancelledError:
            self._question.cancel()
            raise
        position = None
        if done:
            question, self._question = self._question, None
            with suppress(DatabaseUnavailable):
                position = question.result()
        self.is_away = position is None
        if position is not None:
            self._seen.append((self._asked_at, position))
            while self._seen[0][0] < self._asked_at - self._lag_s:
                self._seen.popleft()

    def recent_until(self, position: int) -> float:
        """Until when (time.monotonic) a server is recent enough that has this much; 0 if it is not.

        While no primary answers, its last moments are what counts: nothing newer is known, and to
        read something older is better than nothing.
        """
        reached = [at for at, written in self._seen if written <= position]
        if self.is_away:
            return time.monotonic() + self.every_s if reached or not self._seen else 0
        return reached[-1] + self._lag_s if reached else 0


class ReplicaConnection(Connection):
    """As long as it is open it leads to one server, so what was found out stays true."""

    _recent_until = 0.0

    async def require_recent(self, primary: Primary) -> None:
        """Raise ReplicaBehind when its server lacks too much."""
        if time.monotonic() < self._recent_until:
            return
        position = await self.fetchval(_OF_REPLICA, timeout=ANSWER_S)
        self._recent_until = primary.recent_until(position)
        if time.monotonic() >= self._recent_until:
            raise ReplicaBehind("the replica lacks too much of what the primary has written")


class ReplicaOrPrimary:
    """Reads from a replica if it is recent enough, else from the primary.

    A read fails only when both fail for PATIENCE_S.
    """

    def __init__(self, replica: Database, database: Database, primary: Primary) -> None:
        self._replica = replica
        self._database = database
        self._primary = primary
        self._asked_again_at = 0.0

    def share(self, part: float) -> Share:
        """As of the primary, which may have to answer."""
        return self._database.share(part)

    async def fetch(self, sql: str, /, *values: object) -> list[asyncpg.Record]:
        """All rows of a statement."""
        return await self._read(lambda source: source.fetch(sql, *values))

    async def fetchrow(self, sql: str, /, *values: object) -> asyncpg.Record | None:
        """The first row of a statement, or None."""
        return await self._read(lambda source: source.fetchrow(sql, *values))

    async def _read(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        until = time.monotonic() + PATIENCE_S
        while True:
            if self._primary.is_away or time.monotonic() >= self._asked_again_at:
                try:
                    return await self._from_replica(ask)
                except DatabaseUnavailable as error:
                    self._pause(error)
                except asyncpg.PostgresError as error:
                    # A schema that has not arrived, say. If it is a fault, the primary has it too.
                    _log.info("the primary is asked what a replica refused: %s", error)
                    return await self._from_primary(ask)
            is_last = time.monotonic() >= until
            if is_last or not self._primary.is_away:
                try:
                    return await self._from_primary(ask)
                except (DatabaseBusy, StatementTimeout):
                    raise
                except DatabaseUnavailable:
                    if is_last:
                        raise
                    # It went just now. What a replica lacks of its last moments does not count.
                    self._primary.is_away = True
            await asyncio.sleep(AGAIN_S)

    async def _from_primary(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        found = await ask(self._database)
        READS.labels("primary").inc()
        return found

    async def _from_replica(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        async with self._replica.connection() as connection:
            try:
                # The pool hands out a proxy, which passes this on.
                await cast(ReplicaConnection, connection).require_recent(self._primary)
                found = await ask(connection)
            except (TimeoutError, ReplicaBehind):
                # The next connection may lead to another replica.
                connection.terminate()
                raise
        READS.labels("replica").inc()
        return found

    def _pause(self, error: DatabaseUnavailable) -> None:
        match error:
            case ReplicaBehind():
                pause_s = self._primary.every_s
            case DatabaseBusy() | StatementTimeout():
                return
            case _:
                pause_s = PAUSE_S
                _log.warning("no replica answers, so the primary does: %s", error)
        self._asked_again_at = time.monotonic() + pause_s
