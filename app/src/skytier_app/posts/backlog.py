"""Posts that were indexed by an older rule get the words of the present one, a few at a time.

A migration that changes the rule puts a row into `search_backlog`. Until a post's turn comes it is
found by the words it had.
"""

import logging

import asyncpg

from skytier_app.database import Database

EVERY_S = 2
POSTS, BYTES = 500, 200_000
"""How much one transaction indexes at most: a change of one of these posts waits for it."""

_log = logging.getLogger(__name__)


class Backlog:
    """The posts of a database that are still to be indexed. Any number of workers may try."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_done = False

    async def index_some(self) -> None:
        """Index the newest of them; nothing once there are none. Raises DatabaseUnavailable."""
        if self._is_done:
            return
        try:
            self._is_done = await self._index_some()
        except asyncpg.LockNotAvailableError:
            pass  # one of them is being changed
        except asyncpg.UndefinedTableError:
            _log.warning("the database has no schema yet: run `skytier-app migrate`")

    async def _index_some(self) -> bool:
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM search_backlog)"):
                return True
            below = await connection.fetchval(
                "SELECT below FROM search_backlog FOR UPDATE SKIP LOCKED"
            )
            if below is None:
                return False  # another worker is at it
            # Two who hold posts that the other one waits for would be a deadlock, and the other one
            # is a request.
            await connection.execute("SET LOCAL lock_timeout = '100ms'")
            last = await connection.fetchval(
                """
                WITH chosen AS (
                    SELECT id FROM (
                        SELECT id, row_number() OVER newest AS n,
                               sum(octet_length(content)) OVER newest AS bytes
                        FROM (
                            SELECT id, content FROM posts WHERE id < $1 ORDER BY id DESC LIMIT $2
                        ) AS next
                        WINDOW newest AS (ORDER BY id DESC)
                    ) AS summed WHERE n = 1 OR bytes <= $3
                ), indexed AS (
                    UPDATE posts SET search = search_vector(title, content)
                    WHERE id IN (SELECT id FROM chosen)
                )
                SELECT min(id) FROM chosen
                """,
                below,
                POSTS,
                BYTES,
            )
            if last is not None:
                await connection.execute("UPDATE search_backlog SET below = $1", last)
                return False
            await connection.execute("DELETE FROM search_backlog")
            _log.info("all posts are indexed by the present rule")
            return True
