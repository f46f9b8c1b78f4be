"""The SQL of posts."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.database import Database
from skytier_app.pagination import Position

MANY = 1000
"""So many posts that match a search are too many to be sorted."""

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
        matches = f"search @@ websearch_to_tsquery('english', ${len(values)})"
        if await _has_few_matches(database, search):
            matches = f"posts.id = ANY(ARRAY(SELECT id FROM posts WHERE {matches}))"  # noqa: S608  # constants
        conditions.append(matches)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return await database.fetch(
        f"{_SELECT} {where} ORDER BY posts.created_at DESC, posts.id DESC LIMIT $1", *values
    )


async def _has_few_matches(database: Database, search: str) -> bool:
    # Few are found by the index of words, and then sorted. Of many, the newest are soon met on the
    # way from the newest post backwards: a way that is as long as the table is for a rare word.
    # PostgreSQL does not know how rare a word is that it has hardly seen, and takes that way.
    found: int = await database.fetchval(
        "SELECT count(*) FROM (SELECT FROM posts "
        "WHERE search @@ websearch_to_tsquery('english', $1) LIMIT $2) AS found",
        search,
        MANY,
    )
    return found < MANY


async def get_posts(database: Database, post_ids: Collection[int]) -> dict[int, asyncpg.Record]:
    """Those of these posts that there are, by their id, with their authors' names."""
    rows = await database.fetch(f"{_SELECT} WHERE posts.id = ANY($1)", post_ids)
    return {row["id"]: row for row in rows}


async def lock_post(
    connection: "PoolConnectionProxy[asyncpg.Record]", post_id: int
) -> asyncpg.Record | None:
    """The same, held against other changes until the transaction ends."""
    return await connection.fetchrow(f"{_SELECT} WHERE posts.id = $1 FOR UPDATE OF posts", post_id)


@dataclass(frozen=True, eq=False)
class NewRow:
    """A post to be stored; each is one of its own, whatever it says."""

    user_id: int
    title: str
    content: str


async def create_posts(database: Database, new: Collection[NewRow]) -> dict[NewRow, asyncpg.Record]:
    """The new posts. Those whose authors are gone are left out, and so is nothing else."""
    rows = await database.fetch(
        """
        WITH authors AS (
            -- An author who is just being deleted must not make the others wait.
            SELECT id, username FROM users WHERE id = ANY($1) FOR KEY SHARE SKIP LOCKED
        ), made AS (
            INSERT INTO posts (user_id, title, content)
            SELECT user_id, title, content
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (user_id, title, content)
            JOIN authors ON authors.id = user_id
            RETURNING *
        )
        SELECT made.id, user_id, username, title, content, made.created_at, made.updated_at
        FROM made JOIN authors ON authors.id = user_id
        """,
        [each.user_id for each in new],
        [each.title for each in new],
        [each.content for each in new],
    )
    made: defaultdict[tuple[int, str, str], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        made[row["user_id"], row["title"], row["content"]].append(row)
    return {
        each: same.pop() for each in new if (same := made[each.user_id, each.title, each.content])
    }


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
