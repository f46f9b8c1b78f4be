"""Large tables made inside the database, out of a smaller one: each of its posts many times.

A run that ends early is continued by the next one: what was added stays.
"""

from collections.abc import Callable

import asyncpg

SPAN = "60 days"
"""As `demo_data` has it."""
INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = 'posts' AND indexname <> 'posts_pkey'
"""
BEGIN = f"""
    CREATE TABLE bench_indexes AS {INDEXES};
    CREATE TABLE bench_seed AS SELECT id, user_id, title, content, created_at FROM posts;
    TRUNCATE posts RESTART IDENTITY;
"""  # noqa: S608  # constants
# The ids have no gap, and the times go from the oldest to the newest as they do.
ADD = f"""
    INSERT INTO posts (id, user_id, title, content, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT $1 + id, user_id, title, content, at, at
    FROM bench_seed, (SELECT min(created_at) AS oldest FROM bench_seed) AS times,
         LATERAL (SELECT oldest + interval '{SPAN}' * (($1 + id)::float8 / $2) AS at) AS new
    WHERE $1 + id <= $2 ORDER BY id
"""  # noqa: S608  # constants
END = """
    SELECT setval(pg_get_serial_sequence('posts', 'id'), max(id)) FROM posts;
    DROP TABLE bench_seed, bench_indexes;
"""
Report = Callable[[str], None]


async def multiply(url: str, posts: int, report: Report) -> None:
    """Make a loaded table, with the ids from 1 on, one of so many posts.

    Raises OSError and asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(url)
    try:
        begun = await connection.fetchval("SELECT to_regclass('bench_seed')")
        there = await connection.fetchval("SELECT coalesce(max(id), 0) FROM posts")
        if not begun and there >= posts:
            return
        if not begun:
            await connection.execute(BEGIN)
            there = 0
        # Built in the end: into a large table that takes a fraction of the time.
        for index in await connection.fetch(INDEXES):
            await connection.execute(f"DROP INDEX {index['indexname']}")
        while there < posts:
            await connection.execute(ADD, there, posts)
            there = await connection.fetchval("SELECT max(id) FROM posts")
            report(f"{there:,} of {posts:,} posts")
        await connection.execute("SET maintenance_work_mem = '1GB'")
        for index in await connection.fetch("SELECT * FROM bench_indexes"):
            report(f"{index['indexname']} ...")
            await connection.execute(index["indexdef"])
        await connection.execute(END)
        await connection.execute("VACUUM ANALYZE posts")
    finally:
        await connection.close()
