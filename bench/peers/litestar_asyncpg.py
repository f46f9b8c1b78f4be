"""Litestar with msgspec's structs over an asyncpg pool."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import asyncpg
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import Parameter
from msgspec import Meta, Struct

from peers import cursor

POST = """
    SELECT posts.id, user_id, username, title, content, posts.created_at, posts.updated_at
    FROM posts JOIN users ON users.id = user_id
"""


class NewPost(Struct):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    content: Annotated[str, Meta(min_length=1, max_length=100_000)]


class Post(Struct):
    id: int
    user_id: int
    username: str
    title: str
    content: str
    created_at: datetime
    updated_at: datetime


class Database(Struct):
    reachable: bool


class Health(Struct):
    status: str
    database: Database


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


async def account(request: Request, state: State) -> int:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        found = await state.pool.fetchval(
            "SELECT users.id FROM api_tokens JOIN users ON users.id = user_id "
            "WHERE token_hash = $1",
            hashlib.sha256(token.encode()).digest(),
        )
        if found is not None:
            return found
    raise NotAuthorizedException


@get("/api/posts")
async def list_posts(
    state: State,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 20,
    after: Annotated[
        str | None, Parameter(query="cursor", pattern="^[A-Za-z0-9_-]{21}[AQgw]$")
    ] = None,
    q: Annotated[str | None, Parameter(min_length=1, max_length=200)] = None,
) -> Response[list[Post]]:
    values, conditions = [limit + 1], []
    if after:
        values += cursor.decode(after)
        conditions.append("(posts.created_at, posts.id) < ($2, $3)")
    if q:
        values.append(q)
        conditions.append(f"search @@ websearch_to_tsquery('english', ${len(values)})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = await state.pool.fetch(
        f"{POST} {where} ORDER BY posts.created_at DESC, posts.id DESC LIMIT $1", *values
    )
    headers = {"Link": cursor.link(rows[limit - 1], limit, q)} if len(rows) > limit else {}
    return Response([Post(*row) for row in rows[:limit]], headers=headers)


@get("/api/posts/{post_id:int}")
async def get_post(state: State, post_id: int) -> Post:
    row = await state.pool.fetchrow(f"{POST} WHERE posts.id = $1", post_id)
    if row is None:
        raise NotFoundException
    return Post(*row)


@post("/api/posts")
async def create_post(request: Request, state: State, data: NewPost) -> Post:
    row = await state.pool.fetchrow(
        """
        WITH made AS (
            INSERT INTO posts (user_id, title, content) VALUES ($1, $2, $3) RETURNING *
        )
        SELECT made.id, user_id, username, title, content, made.created_at, made.updated_at
        FROM made JOIN users ON users.id = user_id
        """,
        await account(request, state),
        data.title,
        data.content,
    )
    return Post(*row)


@get("/health")
async def health(state: State) -> Health:
    revision = await state.pool.fetchval("SELECT version_num FROM alembic_version")
    return Health("ok", Database(revision is not None))


app = Litestar([list_posts, get_post, create_post, health], lifespan=[lifespan])
