"""Starlette written plainly: no framework above it, asyncpg, orjson, checks by hand."""

import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from peers import cursor

POST = """
    SELECT posts.id, user_id, username, title, content, posts.created_at, posts.updated_at
    FROM posts JOIN users ON users.id = user_id
"""
CURSOR = re.compile("[A-Za-z0-9_-]{21}[AQgw]")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


def answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(content, default=dict, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, media_type="application/json")


def check(right: bool) -> None:
    if not right:
        raise HTTPException(422)


async def list_posts(request: Request) -> Response:
    parameters = request.query_params
    given, after, q = parameters.get("limit", "20"), parameters.get("cursor"), parameters.get("q")
    check(given.isdecimal() and 1 <= int(given) <= 100)
    check(q is None or 1 <= len(q) <= 200)
    check(after is None or CURSOR.fullmatch(after) is not None)
    limit = int(given)
    values, conditions = [limit + 1], []
    if after:
        values += cursor.decode(after)
        conditions.append("(posts.created_at, posts.id) < ($2, $3)")
    if q:
        values.append(q)
        conditions.append(f"search @@ websearch_to_tsquery('english', ${len(values)})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = await request.app.state.pool.fetch(
        f"{POST} {where} ORDER BY posts.created_at DESC, posts.id DESC LIMIT $1", *values
    )
    headers = {"Link": cursor.link(rows[limit - 1], limit, q)} if len(rows) > limit else {}
    return answer(rows[:limit], headers=headers)


async def get_post(request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(
        f"{POST} WHERE posts.id = $1", request.path_params["post_id"]
    )
    if row is None:
        raise HTTPException(404)
    return answer(row)


async def create_post(request: Request) -> Response:
    user_id = await account(request)
    try:
        post = orjson.loads(await request.body())
        title, content = post["title"], post["content"]
    except (ValueError, TypeError, KeyError):
        raise HTTPException(422) from None
    check(isinstance(title, str) and 1 <= len(title) <= 200)
    check(isinstance(content, str) and 1 <= len(content) <= 100_000)
    row = await request.app.state.pool.fetchrow(
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
    return answer(row, 201)


async def account(request: Request) -> int:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        found = await request.app.state.pool.fetchval(
            "SELECT users.id FROM api_tokens JOIN users ON users.id = user_id "
            "WHERE token_hash = $1",
            hashlib.sha256(token.encode()).digest(),
        )
        if found is not None:
            return found
    raise HTTPException(401)


async def health(request: Request) -> Response:
    revision = await request.app.state.pool.fetchval("SELECT version_num FROM alembic_version")
    return answer({"status": "ok", "database": {"reachable": revision is not None}})


app = Starlette(
    routes=[
        Route("/api/posts", list_posts, methods=["GET"]),
        Route("/api/posts", create_post, methods=["POST"]),
        Route("/api/posts/{post_id:int}", get_post),
        Route("/health", health),
    ],
    lifespan=lifespan,
)
