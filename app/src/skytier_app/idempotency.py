"""`Idempotency-Key`: a POST that is sent again, as its answer was lost, does its work once.

It follows the IETF's draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import Header, Request
from pydantic import WithJsonSchema

from skytier_app.database import Database
from skytier_app.problems import Problem
from skytier_app.representation import Content, to_json

LIFETIME = timedelta(days=1)
MOST_OF_USER = 1000
"""Answers that are kept for one user; the oldest go first."""
HEADER = "Idempotency-Key"
PATTERN = r'^("[ !#-\[\]-~]{1,255}"|[!#-+\--:<-\[\]-~]{1,255})$'
"""A string of RFC 9651 in its quotes; many clients leave these out."""

_is_key = re.compile(PATTERN).fullmatch

IdempotencyKey = Annotated[
    Annotated[str, WithJsonSchema({"type": "string", "pattern": PATTERN})] | None,
    Header(
        alias=HEADER,
        description="A random text, a UUID say, that is new for each thing to be made. A request "
        "that is sent again with its key gets the first one's answer. Kept for a day.",
    ),
]
"""For OpenAPI. The header itself is read by `Attempt.of`."""

Make = Callable[["PoolConnectionProxy[asyncpg.Record]", bytes], Awaitable[Content]]
"""Makes the thing in a transaction, and says what to answer. The salt is the answer's own."""

DIFFERENT = Problem(
    422, f"This {HEADER} was used for another request. A new request needs a new key."
)
_UNDER_WAY = Problem(
    409,
    f"The first request with this {HEADER} is under way. Try again.",
    headers={"Retry-After": "1"},
)


@dataclass(frozen=True)
class Attempt:
    """A request with a key, as it is stored: neither the key nor the content can be read back."""

    key_hash: bytes
    fingerprint: bytes

    @classmethod
    def of(cls, request: Request, whose: str, content: Mapping[str, Any]) -> "Attempt | None":
        """That of a request; None when it has no key. Problem 400 when its key is none.

        Keys of different people, as `whose` says, and of different addresses are different keys.
        The content is what makes two requests the same, and holds no secret.
        """
        given = request.headers.getlist(HEADER)
        if not given:
            return None
        if len(given) > 1 or not _is_key(given[0]):
            detail = "This takes one text of 1 to 255 visible ASCII characters, such as a UUID."
            error = {"field": f"header.{HEADER}", "detail": detail}
            raise Problem(400, f"The {HEADER} does not have the right form.", errors=[error])
        used = [given[0].strip('"'), whose, request.method, request.scope["path"]]
        return cls(_digest(used), _digest(content))


def _digest(content: object) -> bytes:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True)
class Stored:
    """What was answered: JSON without secrets, and the salt that these may be derived with."""

    answer: bytes
    salt: bytes
    is_repeated: bool


async def once(
    database: Database, attempt: Attempt | None, make: Make, user_id: int | None = None
) -> Stored:
    """What `make` makes, or has made at the first attempt. An error of `make` is not kept.

    The thing and its answer are stored in one transaction: there are both or neither, whenever a
    worker ends. `user_id` is whose answer it is; None when the thing made is the user.

    Problem 409 while another request with the key is under way, 422 when its content was another.
    """
    async with database.transaction() as connection:
        salt = secrets.token_bytes(32)
        if attempt is None:
            return Stored(to_json(await make(connection, salt)), salt, is_repeated=False)
        # Held until the transaction ends, however it ends, against every other worker.
        lock = int.from_bytes(attempt.key_hash[:8], "big", signed=True)
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock):
            raise _UNDER_WAY
        held = await connection.fetchrow(
            "SELECT fingerprint, answer, salt FROM idempotency_keys "
            "WHERE key_hash = $1 AND created_at > now() - $2::interval",
            attempt.key_hash,
            LIFETIME,
        )
        if held is not None:
            if held["fingerprint"] != attempt.fingerprint:
                raise DIFFERENT
            return Stored(held["answer"], held["salt"], is_repeated=True)
        made = await make(connection, salt)
        answer = to_json(made)
        await _store(connection, attempt, user_id or made["id"], salt, answer)
        return Stored(answer, salt, is_repeated=False)


async def _store(
    connection: "PoolConnectionProxy[asyncpg.Record]",
    attempt: Attempt,
    user_id: int,
    salt: bytes,
    answer: bytes,
) -> None:
    await connection.execute(
        """
        INSERT INTO idempotency_keys (key_hash, user_id, fingerprint, salt, answer)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (key_hash) DO UPDATE SET  -- it was there, and too old
            user_id = excluded.user_id, fingerprint = excluded.fingerprint,
            salt = excluded.salt, answer = excluded.answer, created_at = now()
        """,
        attempt.key_hash,
        user_id,
        attempt.fingerprint,
        salt,
        answer,
    )
    await connection.execute(
        """
        DELETE FROM idempotency_keys WHERE key_hash IN (
            SELECT key_hash FROM idempotency_keys WHERE user_id = $1
            ORDER BY created_at DESC OFFSET $2
        )
        """,
        user_id,
        MOST_OF_USER,
    )
