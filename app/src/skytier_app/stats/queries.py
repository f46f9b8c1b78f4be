"""The SQL of statistics."""

import asyncpg

from skytier_app.database import Reader

DAYS = 30


async def counts(database: Reader) -> asyncpg.Record:
    """`users`, `posts`: how many there are."""
    row = await database.fetchrow(
        "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM posts) AS posts"
    )
    assert row is not None  # noqa: S101  # a SELECT without FROM has one row
    return row


async def posts_per_day(database: Reader) -> list[asyncpg.Record]:
    """`day`, `posts`: the last DAYS days in UTC, oldest first, those without posts too."""
    return await database.fetch(
        """
        WITH days AS (
            SELECT (now() AT TIME ZONE 'UTC')::date - $1 + n AS day
            FROM generate_series(1, $1) AS n
        ), counted AS (
            SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS posts
            FROM posts
            WHERE created_at >= (SELECT min(day) FROM days)::timestamp AT TIME ZONE 'UTC'
            GROUP BY 1
        )
        SELECT day, coalesce(posts, 0) AS posts FROM days LEFT JOIN counted USING (day)
        ORDER BY day
        """,
        DAYS,
    )
