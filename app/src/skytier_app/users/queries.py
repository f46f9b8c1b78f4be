"""The SQL of users."""

from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from skytier_app.database import Database, Reader
from skytier_app.pagination import Position


async def list_users(database: Reader, limit: int, after: Position | None) -> list[asyncpg.Record]:
    """Up to `limit` users, newest first, from `after` on."""
    if after is None:
        return await database.fetch(
            "SELECT id, username, created_at FROM users ORDER BY created_at DESC, id DESC LIMIT $1",
            limit,
        )
    return await database.fetch(
        "SELECT id, username, created_at FROM users WHERE (created_at, id) < ($2, $3) "
        "ORDER BY created_at DESC, id DESC LIMIT $1",
        limit,
        *after,
    )


async def get_user(
    executor: "Reader | PoolConnectionProxy[asyncpg.Record]", user_id: int
) -> asyncpg.Record | None:
    """A user as everyone sees them."""
    return await executor.fetchrow(
        "SELECT id, username, created_at FROM users WHERE id = $1", user_id
    )


async def get_self(
    executor: "Database | PoolConnectionProxy[asyncpg.Record]", user_id: int
) -> asyncpg.Record | None:
    """A user as they see themselves."""
    return await executor.fetchrow(
        "SELECT id, username, email, is_admin, created_at, updated_at FROM users WHERE id = $1",
        user_id,
    )


async def get_credentials(database: Database, username: str) -> asyncpg.Record | None:
    """The id and the password's hash of a username, whatever its case."""
    return await database.fetchrow(
        "SELECT id, password_hash FROM users WHERE lower(username) = lower($1)", username
    )


async def get_password_hash(database: Database, user_id: int) -> str | None:
    """The password's hash of a user."""
    found: str | None = await database.fetchval(
        "SELECT password_hash FROM users WHERE id = $1", user_id
    )
    return found


async def lock_user(
    executor: "Database | PoolConnectionProxy[asyncpg.Record]", user_id: int, password_hash: str
) -> bool:
    """Whether a user still has the password of this hash; if so they keep it until the
    transaction ends.

    Who stores what a password allowed asks this first: a password that is being changed makes it
    wait, and then is another. It also lets a user do only one such thing at a time.
    """
    sql = "SELECT true FROM users WHERE id = $1 AND password_hash = $2 FOR NO KEY UPDATE"
    return await executor.fetchval(sql, user_id, password_hash) is not None


async def lock_users(connection: "PoolConnectionProxy[asyncpg.Record]", *user_ids: int) -> None:
    """Hold users until the transaction ends. Two that hold the same ones wait for each other."""
    await connection.execute(
        "SELECT FROM users WHERE id = ANY($1) ORDER BY id FOR UPDATE", user_ids
    )


async def create_user(
    connection: "PoolConnectionProxy[asyncpg.Record]", username: str, email: str, password_hash: str
) -> asyncpg.Record | None:
    """The new user. Raises asyncpg.UniqueViolationError when the name or e-mail is taken."""
    return await connection.fetchrow(
        "INSERT INTO users (username, email, password_hash) VALUES ($1, $2, $3) "
        "RETURNING id, username, email, is_admin, created_at, updated_at",
        username,
        email,
        password_hash,
    )


async def update_user(
    connection: "PoolConnectionProxy[asyncpg.Record]", user_id: int, changes: dict[str, Any]
) -> asyncpg.Record | None:
    """The user with `username`, `email` or `password_hash` changed; None when they are gone.

    Raises asyncpg.UniqueViolationError when the name or e-mail is taken.
    """
    return await connection.fetchrow(
        "UPDATE users SET username = coalesce($2, username), email = coalesce($3, email), "
        "password_hash = coalesce($4, password_hash), updated_at = CASE WHEN "
        "(coalesce($2, username), coalesce($3, email), coalesce($4, password_hash)) "
        "= (username, email, password_hash) THEN updated_at ELSE now() END "
        "WHERE id = $1 RETURNING id, username, email, is_admin, created_at, updated_at",
        user_id,
        changes.get("username"),
        changes.get("email"),
        changes.get("password_hash"),
    )


async def delete_user(
    connection: "PoolConnectionProxy[asyncpg.Record]", user_id: int
) -> str | None:
    """Delete a user, with their posts, sessions and tokens; the username they had."""
    found: str | None = await connection.fetchval(
        "DELETE FROM users WHERE id = $1 RETURNING username", user_id
    )
    return found
