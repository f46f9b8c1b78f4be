"""The SQL of posts."""

from collections.abc import Collection

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.database import Database
from skytier_app.pagination import Position

_SELECT = """
    SELECT posts.id, user_id, username, title, content, posts.created_at, posts.updated_at
    FROM posts JOIN users ON users.id = user_id
"""


async def list_posts(
    database: Database,
    limit: int,
    after: Position | None = None,
    user_id: int | None = None,
    search: str | None = None,
) -> list[asyncpg.Record]:
    """Up to `limit` posts, newest first, from `after` on, by author and words."""
    # One statement for each set of conditions, so that PostgreSQL plans each for what it is.
    values: list[object] = [limit]
    conditions: list[str] = []
    if after is not None:
        values += after
        conditions.append("(posts.created_at, posts.id) < ($2, $3)")
    if user_id is not None:
        values.append(user_id)
        conditions.append(f"user_id = ${len(values)}")
    if search is not None:
        values.append(search)
        conditions.append(f"search @@ websearch_to_tsquery('english', ${len(values)})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return await database.fetch(
        f"{_SELECT} {where} ORDER BY posts.created_at DESC, posts.id DESC LIMIT $1", *values
    )


async def get_posts(database: Database, post_ids: Collection[int]) -> dict[int, asyncpg.Record]:
    """Those of these posts that there are, by their id, with their authors' names."""
    rows = await database.fetch(f"{_SELECT} WHERE posts.id = ANY($1)", post_ids)
    return {row["id"]: row for row in rows}


async def lock_post(
    connection: "PoolConnectionProxy[asyncpg.Record]", post_id: int
) -> asyncpg.Record | None:
    """The same, held against other changes until the transaction ends."""
    return await connection.fetchrow(f"{_SELECT} WHERE posts.id = $1 FOR UPDATE OF posts", post_id)


async def create_post(
    database: Database, user_id: int, title: str, content: str
) -> asyncpg.Record | None:
    """The new post. Raises asyncpg.ForeignKeyViolationError when the author is gone."""
    return await database.fetchrow(
        """
        WITH made AS (
            INSERT INTO posts (user_id, title, content) VALUES ($1, $2, $3) RETURNING *
        )
        SELECT made.id, user_id, username, title, content, made.created_at, made.updated_at
        FROM made JOIN users ON users.id = user_id
        """,
        user_id,
        title,
        content,
    )


async def update_post(
    connection: "PoolConnectionProxy[asyncpg.Record]",
    post_id: int,
    title: str | None,
    content: str | None,
) -> asyncpg.Record | None:
    """The post with another title or content, where they are not None."""
    return await connection.fetchrow(
        """
        WITH changed AS (
            UPDATE posts SET title = coalesce($2, title), content = coalesce($3, content),
                updated_at = now()
            WHERE id = $1 RETURNING *
        )
        SELECT changed.id, user_id, username, title, content, changed.created_at,
               changed.updated_at
        FROM changed JOIN users ON users.id = user_id
        """,
        post_id,
        title,
        content,
    )


async def delete_post(connection: "PoolConnectionProxy[asyncpg.Record]", post_id: int) -> None:
    """Delete a post."""
    await connection.execute("DELETE FROM posts WHERE id = $1", post_id)
