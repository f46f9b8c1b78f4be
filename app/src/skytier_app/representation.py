"""Database rows as JSON, with the ETag of exactly these bytes."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from fastapi import Request, Response

from skytier_app.problems import Problem

Content = Mapping[str, Any] | asyncpg.Record
"""One row, as it is answered."""


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


@dataclass(frozen=True)
class Representation:
    """A thing as JSON, with the ETag of these bytes, which any number of answers may share."""

    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, content: object, headers: Mapping[str, str] | None = None) -> "Representation":
        """That of database rows."""
        body = to_json(content)
        return cls(body, {**(headers or {}), "ETag": etag(body)})

    def answer(self, request: Request) -> Response:
        """The answer to a GET; 304 when the client has these bytes already."""
        headers = {**cache_headers(request), **self.headers}
        if matches(request.headers.get("if-none-match"), self.headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type="application/json")


def conditional_response(
    request: Request, content: Any, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a GET with its ETag; 304 when the client has these bytes already."""
    return Representation.of(content, headers).answer(request)


def cache_headers(request: Request) -> Mapping[str, str]:
    """Who may store the answer. "no-cache" means: store it, and ask whether it is still valid."""
    headers = request.headers
    return NOT_SHARED if "cookie" in headers or "authorization" in headers else _SHARED


NOT_SHARED = {"Cache-Control": "private, no-cache"}
# Only Nginx reads the first header. It may answer all strangers from its cache for a second, and
# for one more while it fetches a new answer. Old versions need this header before the other.
_SHARED = {"X-Accel-Expires": "1", "Cache-Control": "no-cache, stale-while-revalidate=1"}


def has_conditions(request: Request) -> bool:
    """Whether a request depends on the ETag of what it is about."""
    return "if-match" in request.headers or "if-none-match" in request.headers


def require_match(request: Request, content: Any) -> None:
    """Problem 412 when a request that changes something has an If-Match that does not name these
    rows' ETag, or an If-None-Match that does."""
    if not has_conditions(request):
        return
    tag = etag(to_json(content))
    known, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if known is not None and not matches(known, tag):
        raise Problem(412, "It was changed since you read it. Read it again, then change it.")
    if matches(unwanted, tag):
        raise Problem(412, "It is there, and `If-None-Match` asks for the opposite.")


async def require_current(request: Request, read: Callable[[], Awaitable[Any]]) -> None:
    """The same for what a GET of this address answers from; `read` is asked only when needed.

    Where it finds None there is nothing to match, and the route says so itself.
    """
    if has_conditions(request) and (content := await read()) is not None:
        require_match(request, content)


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names an entity tag."""
    # A weak tag is taken for its strong one also in If-Match: Nginx weakens ours when it
    # compresses, and the bytes before that were the same.
    if header is None:
        return False
    tags = [item.strip().removeprefix("W/") for item in header.split(",")]
    return tag in tags or tags == ["*"]
