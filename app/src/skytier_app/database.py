"""The pool of connections to PostgreSQL, and what its failures mean to a request."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy

OLDEST_SUPPORTED = 14
FULL_PAUSE_S = 0.1
"""How long to wait before a PostgreSQL that has all its connections in use is asked again."""


class DatabaseUnavailable(Exception):  # noqa: N818  # a condition, not a fault of the program
    """PostgreSQL cannot be reached. Answered with 503 and the sentence `told`.

    All who ask at the same time share it; of its subclasses only `StatementTimeout` is about one
    statement. The message is for the log.
    """

    told = "The database cannot be reached at the moment. Try again."


class DatabaseBusy(DatabaseUnavailable):
    """No connection was free in time: others hold all there are."""

    told = "The database has too much to do at the moment. Try again later."


class StatementTimeout(DatabaseUnavailable):
    """PostgreSQL stopped a statement that took too long. Nothing of it was stored."""

    told = "The database took too long over this request, and stopped it. Try again later."


class NotWritable(DatabaseUnavailable):
    """PostgreSQL answers, and takes no changes: it is a standby, or its disk is full."""

    told = "The database takes no changes at the moment. Try again later."


class Connection(asyncpg.Connection):
    """A connection of a pool."""

    def get_reset_query(self) -> str:
        # Nothing here changes the state of a session, so a round trip for each release is saved.
        return ""


# A standby says the second one of a table without a log, and of nothing else that is asked here.
_OF_A_STANDBY = (asyncpg.ReadOnlySQLTransactionError, asyncpg.FeatureNotSupportedError)


@contextmanager
def _unavailability() -> Iterator[None]:
    """Turn every error that means "no database at the moment" into DatabaseUnavailable."""
    try:
        yield
    except (
        asyncpg.QueryCanceledError,
        asyncpg.SerializationError,  # a standby, where it was in the way of the primary's changes
    ) as error:
        raise StatementTimeout(str(error)) from error
    except asyncpg.DiskFullError as error:
        raise NotWritable(str(error)) from error
    except asyncpg.TooManyConnectionsError as error:
        raise DatabaseBusy(str(error)) from error
    except (
        OSError,  # refused, reset, no such socket; TimeoutError is one too
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,  # shut down by the administrator, starting up
        asyncpg.IdleInTransactionSessionTimeoutError,  # this machine stood still in between
        asyncpg.InternalClientError,  # the end of a connection, where the driver did not expect it
        asyncpg.InterfaceError,  # the connection was closed under the statement
    ) as error:
        if isinstance(error, asyncpg.DataError | ValueError):
            raise  # a value that does not fit its parameter is a fault of ours
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error


class Share:
    """A part of the pool for one kind of work: the rest stays free for other work."""

    def __init__(self, connections: int, wait_s: float) -> None:
        self._free = asyncio.Semaphore(connections)
        self._wait_s = wait_s

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """One connection's part of the share. Raises DatabaseBusy when none is free in time."""
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseBusy(
                f"work of the same kind had all its connections for {self._wait_s} s"
            ) from None
        try:
            yield
        finally:
            self._free.release()


class Database:
    """PostgreSQL through a pool.

    Connections are opened when first needed, so the application starts without a database and
    finds it again after it was away. Every method raises DatabaseUnavailable when there is none,
    and StatementTimeout when it takes too long.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", pool_wait_s: float) -> None:
        self._pool = pool
        self._pool_wait_s = pool_wait_s
        self.waiting = 0
        """How many callers wait for a connection."""
        self._transactions = self.share(0.4)

    def share(self, part: float) -> Share:
        """A share of this part of the pool (0 to 1), but at least one connection."""
        return Share(max(1, int(self._pool.get_max_size() * part)), self._pool_wait_s)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        """Borrow a connection, for several statements that need no common transaction."""
        with _unavailability():
            self.waiting += 1
            try:
                connection = await self._acquire()
            finally:
                self.waiting -= 1
            try:
                yield connection
            except asyncpg.InternalClientError:
                # The server's last message reached an idle connection before its end did: the
                # driver's state is wrong, and the connection must not be used again.
                connection.terminate()
                raise
            except asyncpg.InvalidCachedStatementError:
                raise  # a fault after a migration, though its class is one of those below
            except _OF_A_STANDBY as error:
                # The primary is elsewhere by now: no connection of the pool leads to it.
                await self._pool.expire_connections()
                raise NotWritable(str(error)) from error
            finally:
                # The time-out bounds the wait for the cancellation of a statement given up on.
                await self._pool.release(connection, timeout=self._pool_wait_s)

    async def _acquire(self) -> "PoolConnectionProxy[asyncpg.Record]":
        until = time.monotonic() + self._pool_wait_s
        while True:
            try:
                return await self._pool.acquire(timeout=until - time.monotonic())
            except TimeoutError:
                if self._pool.get_size() < self._pool.get_max_size():
                    raise  # it was the connecting that took so long
                raise DatabaseBusy(f"no connection was free for {self._pool_wait_s} s") from None
            except asyncpg.TooManyConnectionsError:
                # Others hold all that there are. One of theirs, or of this pool, may soon be free.
                if time.monotonic() + FULL_PAUSE_S >= until:
                    raise
                await asyncio.sleep(FULL_PAUSE_S)
            except asyncpg.PostgresError as error:
                # Whatever it says: there is no server that lets this application in.
                raise DatabaseUnavailable(str(error)) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PoolConnectionProxy[asyncpg.Record]"]:
        """Borrow a connection with a transaction: committed at the end, rolled back on an error.

        Transactions have a share of the pool: they may wait for each other's locks, and reading
        must not wait for that.
        """
        async with (
            self._transactions.taken(),
            self.connection() as connection,
            connection.transaction(),
        ):
            yield connection

    async def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """All rows of a statement."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: object) -> asyncpg.Record | None:
        """The first row of a statement, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: object) -> int:
        """Run a statement; the number of rows that it changed."""
        async with self.connection() as connection:
            status = await connection.execute(sql, *values)
        return int(status.rsplit(" ", 1)[-1])

    def pool_state(self) -> dict[str, int]:
        """Connections of this worker: `open`, `idle`, and `max`."""
        return {
            "open": self._pool.get_size(),
            "idle": self._pool.get_idle_size(),
            "max": self._pool.get_max_size(),
        }


class Reader(Protocol):
    """Where rows are read: a Database, or a replica of one."""

    def share(self, part: float) -> Share: ...

    async def fetch(self, sql: str, /, *values: object) -> list[asyncpg.Record]: ...

    async def fetchrow(self, sql: str, /, *values: object) -> asyncpg.Record | None: ...


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int,
    pool_wait_s: float,
    statement_timeout_s: float,
    connection_class: type[Connection] = Connection,
) -> AsyncIterator[Database]:
    """A Database for the time of the block; its connections are closed afterwards."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=pool_size,
        timeout=pool_wait_s,
        command_timeout=statement_timeout_s + 1,  # the server's own time-out comes first
        connection_class=connection_class,
        server_settings={
            "application_name": "skytier-app",
            "statement_timeout": str(int(statement_timeout_s * 1000)),
            "idle_in_transaction_session_timeout": "30000",
            "timezone": "UTC",
            "jit": "off",  # it costs more than these short statements take
        },
    )
    await pool
    try:
        yield Database(pool, pool_wait_s)
    finally:
        try:
            await pool.close()
        except OSError:
            pool.terminate()
