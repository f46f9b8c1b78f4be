"""Answers made once: rows to JSON, with the ETag that stands for exactly those bytes."""

import hashlib
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
from fastapi import Request, Response

from skytier_app.problems import Problem


def _plain(value: object) -> object:
    if isinstance(value, asyncpg.Record):
        return dict(value)
    raise TypeError(type(value).__name__)


def to_json(content: object) -> bytes:
    """JSON of database rows: times as RFC 3339 in UTC. The rows are typed, nothing is checked."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with rows as JSON."""
    return Response(to_json(content), status, headers=headers, media_type="application/json")


def etag(body: bytes) -> str:
    """The strong entity tag of a body."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def conditional_response(
    request: Request, content: Any, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a GET with its ETag; 304 when the client has these bytes already."""
    body = to_json(content)
    tag = etag(body)
    # "no-cache" lets a cache keep the answer, and has it ask whether it still holds.
    headers = {**(headers or {}), "ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def require_match(request: Request, content: Any) -> None:
    """Problem 412 when the request has an If-Match that does not name these rows' ETag."""
    known = request.headers.get("if-match")
    if known is not None and not matches(known, etag(to_json(content))):
        raise Problem(412, "It was changed since you read it. Read it again, then change it.")


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names an entity tag."""
    # A weak tag is taken for its strong one also in If-Match: Nginx weakens ours when it
    # compresses, and the bytes before that were the same.
    if header is None:
        return False
    tags = [item.strip().removeprefix("W/") for item in header.split(",")]
    return tag in tags or tags == ["*"]
