"""The plain design: FastAPI with `def` endpoints and response models over a psycopg2 pool."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Annotated

import psycopg2.extensions
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg2.extras import RealDictCursor
from psycopg2.pool import ThreadedConnectionPool
from pydantic import BaseModel, Field

from peers import cursor, sql

# One for each of the 40 threads that FastAPI runs `def` endpoints in: the pool never waits, and
# opened in full it never reconnects.
CONNECTIONS = 40
pool = ThreadedConnectionPool(
    CONNECTIONS, CONNECTIONS, os.environ["DATABASE_URL"], cursor_factory=RealDictCursor
)
# A request keeps its connection while it waits for a thread for its endpoint, so there may be more
# of them than threads, and this pool refuses who finds it empty. They take turns.
turns = asyncio.Semaphore(CONNECTIONS)
app = FastAPI()


class NewPost(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    content: str = Field(min_length=1, max_length=100_000)


class Post(NewPost):
    id: int
    user_id: int
    username: str
    created_at: datetime
    updated_at: datetime


class Database(BaseModel):
    reachable: bool


class Health(BaseModel):
    status: str
    database: Database


async def turn() -> AsyncIterator[None]:
    async with turns:
        yield


def database(_: Annotated[None, Depends(turn)]) -> Iterator[psycopg2.extensions.connection]:
    connection = pool.getconn()
    try:
        with connection:  # a transaction
            yield connection
    finally:
        pool.putconn(connection)


Connection = Annotated[psycopg2.extensions.connection, Depends(database)]


def account(
    connection: Connection,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> int:
    if token is not None:
        digest = hashlib.sha256(token.credentials.encode()).digest()
        with connection.cursor() as rows:
            rows.execute(sql.ACCOUNT, {"token_hash": digest})
            if found := rows.fetchone():
                return found["id"]
    raise HTTPException(401)


@app.get("/api/posts", response_model=list[Post])
def list_posts(
    response: Response,
    connection: Connection,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(alias="cursor", pattern="^[A-Za-z0-9_-]{21}[AQgw]$")] = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
):
    values = {"limit": limit + 1, "q": q}
    if after:
        values["created_at"], values["id"] = cursor.decode(after)
    with connection.cursor() as found:
        found.execute(sql.listing(cursor=bool(after), search=bool(q)), values)
        rows = found.fetchall()
    if len(rows) > limit:
        response.headers["Link"] = cursor.link(rows[limit - 1], limit, q)
    return rows[:limit]


@app.get("/api/posts/{post_id}", response_model=Post)
def get_post(connection: Connection, post_id: int):
    with connection.cursor() as found:
        found.execute(sql.ONE, {"id": post_id})
        row = found.fetchone()
    if row is None:
        raise HTTPException(404)
    return row


@app.post("/api/posts", status_code=201, response_model=Post)
def create_post(connection: Connection, user_id: Annotated[int, Depends(account)], post: NewPost):
    with connection.cursor() as made:
        made.execute(sql.CREATE, {"user_id": user_id, **post.model_dump()})
        return made.fetchone()


@app.get("/health", response_model=Health)
def health(connection: Connection):
    with connection.cursor() as found:
        found.execute(sql.REVISION)
        return {"status": "ok", "database": {"reachable": found.fetchone() is not None}}
