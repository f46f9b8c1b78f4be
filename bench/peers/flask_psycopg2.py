"""Flask over a psycopg2 pool, served by Gunicorn."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import Flask, abort, jsonify, request
from flask.json.provider import DefaultJSONProvider
from psycopg2.extras import RealDictCursor
from psycopg2.pool import ThreadedConnectionPool

from peers import cursor, sql

# One for each of Gunicorn's threads.
pool = ThreadedConnectionPool(10, 10, os.environ["DATABASE_URL"], cursor_factory=RealDictCursor)


class JSONProvider(DefaultJSONProvider):
    sort_keys = False

    @staticmethod
    def default(value: object) -> object:
        # Flask's own form of a time is that of HTTP headers.
        if isinstance(value, datetime):
            return value.isoformat()
        return DefaultJSONProvider.default(value)


class App(Flask):
    json_provider_class = JSONProvider


app = App(__name__)


@contextmanager
def database() -> Iterator[RealDictCursor]:
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as rows:
            yield rows
    finally:
        pool.putconn(connection)


@app.get("/api/posts")
def list_posts():
    after, q = request.args.get("cursor"), request.args.get("q")
    try:
        limit = int(request.args.get("limit", 20))
        position = cursor.decode(after) if after else None
    except ValueError:
        abort(400)
    if not 1 <= limit <= 100 or (q is not None and not 1 <= len(q) <= 200):
        abort(400)
    values = {"limit": limit + 1, "q": q}
    if position:
        values["created_at"], values["id"] = position
    with database() as found:
        found.execute(sql.listing(cursor=bool(position), search=bool(q)), values)
        rows = found.fetchall()
    response = jsonify(rows[:limit])
    if len(rows) > limit:
        response.headers["Link"] = cursor.link(rows[limit - 1], limit, q)
    return response


@app.get("/api/posts/<int:post_id>")
def get_post(post_id: int):
    with database() as found:
        found.execute(sql.ONE, {"id": post_id})
        row = found.fetchone()
    if row is None:
        abort(404)
    return row


@app.post("/api/posts")
def create_post():
    with database() as rows:
        user_id = account(rows)
        post = request.get_json()
        if not isinstance(post, dict):
            abort(400)
        title, content = post.get("title"), post.get("content")
        if not isinstance(title, str) or not 1 <= len(title) <= 200:
            abort(400)
        if not isinstance(content, str) or not 1 <= len(content) <= 100_000:
            abort(400)
        rows.execute(sql.CREATE, {"user_id": user_id, "title": title, "content": content})
        made = rows.fetchone()
    return made, 201


def account(rows: RealDictCursor) -> int:
    if request.authorization is not None and request.authorization.token:
        digest = hashlib.sha256(request.authorization.token.encode()).digest()
        rows.execute(sql.ACCOUNT, {"token_hash": digest})
        if found := rows.fetchone():
            return found["id"]
    return abort(401)


@app.get("/health")
def health():
    with database() as found:
        found.execute(sql.REVISION)
        return {"status": "ok", "database": {"reachable": found.fetchone() is not None}}
