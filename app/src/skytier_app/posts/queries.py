"""The SQL of posts."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.database import Database, Reader
from skytier_app.pagination import Position

WINDOW = 5000
"""A search looks through this many of the newest posts without the index of words."""

# The author's name by a look-up for each row that is answered. Joined, PostgreSQL reads all the
# users beforehand where it takes the rows to be many.
_COLUMNS = """
    id, user_id, (SELECT username FROM users WHERE users.id = user_id) AS username,
    title, {content} AS content, created_at, updated_at
"""
_SELECT = f"SELECT {_COLUMNS.format(content='content')} FROM posts"  # noqa: S608  # constants


def _newest(limit: int) -> str:
    # The number itself: with a parameter PostgreSQL would plan each statement again, since a plan
    # for any number of rows looks much more expensive. Planning takes as long as finding the rows.
    return f"ORDER BY created_at DESC, id DESC LIMIT {limit:d}"


async def pages(
    database: Reader, limit: int, after: Collection[Position]
) -> dict[Position, list[dict[str, Any]]]:
    """Of all posts, newest first, up to `limit` that come after each of these positions."""
    rows = await database.fetch(
        f"""
        SELECT number, page.*
        FROM unnest($1::timestamptz[], $2::bigint[]) WITH ORDINALITY AS asked (at, after, number),
             LATERAL ({_SELECT} WHERE (created_at, id) < (at, after) {_newest(limit)}) AS page
        ORDER BY number, created_at DESC, id DESC
        """,  # noqa: S608  # constants and a number
        [at for at, _ in after],
        [post_id for _, post_id in after],
    )
    found: list[list[dict[str, Any]]] = [[] for _ in after]
    for row in rows:
        post = dict(row)
        found[post.pop("number") - 1].append(post)
    return dict(zip(after, found, strict=True))


async def list_posts(
    database: Reader,
    limit: int,
    after: Position | None = None,
    user_id: int | None = None,
    search: str | None = None,
    *,
    characters: int | None = None,
) -> list[asyncpg.Record]:
    """Up to `limit` posts, newest first, from `after` on, by author and words.

    `characters` is how many of each content are read; None for all.
    """
    columns = _COLUMNS.format(content=f"left(content, {characters:d})" if characters else "content")
    # One statement for each set of conditions, so that PostgreSQL plans each for what it is.
    values: list[object] = []
    conditions: list[str] = []
    if after is not None:
        values += after
        conditions.append("(created_at, id) < ($1, $2)")
    if user_id is not None:
        values.append(user_id)
        conditions.append(f"user_id = ${len(values)}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    if search is None:
        sql = f"SELECT {columns} FROM posts {where} {_newest(limit)}"  # noqa: S608  # as above
        return await database.fetch(sql, *values)
    # What many posts have is soon met on the way from the newest backwards, however many there
    # are. The way is short: for what is rare, or only in old posts, it is as long as the table is.
    words = f"search_query(${len(values) + 1})"
    found = await database.fetch(
        f"""
        SELECT {columns} FROM (SELECT * FROM posts {where} {_newest(WINDOW)}) AS posts
        WHERE search @@ (SELECT {words}) {_newest(limit)}
        """,  # noqa: S608  # constants and numbers
        *values,
        search,
    )
    if len(found) == limit:
        return found
    # All that match by the index of words, and of those the newest.
    conditions.append(f"search @@ {words}")
    return await database.fetch(
        f"""
        WITH found AS MATERIALIZED (
            SELECT id, created_at FROM posts WHERE {" AND ".join(conditions)}
        )
        SELECT {columns} FROM posts
        WHERE id IN (SELECT id FROM found {_newest(limit)}) {_newest(limit)}
        """,  # noqa: S608  # constants and numbers
        *values,
        search,
    )


async def get_posts(database: Reader, post_ids: Collection[int]) -> dict[int, asyncpg.Record]:
    """The posts with these ids that exist, by id, with their authors' names."""
    rows = await database.fetch(f"{_SELECT} WHERE id = ANY($1)", post_ids)
    return {row["id"]: row for row in rows}


async def lock_post(
    connection: "PoolConnectionProxy[asyncpg.Record]", post_id: int
) -> asyncpg.Record | None:
    """The same, held against other changes until the transaction ends."""
    return await connection.fetchrow(f"{_SELECT} WHERE id = $1 FOR UPDATE", post_id)


@dataclass(frozen=True, eq=False)
class NewRow:
    """A post to be stored. Two with the same text are still two posts."""

    user_id: int
    title: str
    content: str


async def create_posts(
    executor: "Database | PoolConnectionProxy[asyncpg.Record]", new: Collection[NewRow]
) -> dict[NewRow, asyncpg.Record]:
    """The new posts, without those whose authors are gone."""
    rows = await executor.fetch(
        """
        WITH authors AS (
            -- An author who is just being deleted must not make the others wait.
            SELECT id, username FROM users WHERE id = ANY($1) FOR KEY SHARE SKIP LOCKED
        ), made AS (
            INSERT INTO posts (user_id, title, content)
            SELECT user_id, title, content
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (user_id, title, content)
            JOIN authors ON authors.id = user_id
            RETURNING id, user_id, title, content, created_at, updated_at
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
