"""`/api/tokens`: API tokens, for programs. Only their hash is stored."""

from datetime import datetime
from functools import partial
from typing import Union

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from skytier_app.accounts import Account
from skytier_app.auth import SECURITY, SignedIn, shown_token
from skytier_app.database import Database
from skytier_app.idempotency import Attempt, IdempotencyKey, once
from skytier_app.openapi import LOCATION, problems
from skytier_app.problems import Problem
from skytier_app.representation import conditional_response, json_response, require_current
from skytier_app.secret_token import derived_token, token_hash
from skytier_app.services import DatabaseDep
from skytier_app.strict_route import StrictRoute
from skytier_app.text import TokenName
from skytier_app.whole_number import PathId

MOST_TOKENS = 100
PREFIX = "skytier_"  # lets a leaked token be recognised by whoever scans for them

Executor = Union[Database, "PoolConnectionProxy[asyncpg.Record]"]

router = APIRouter(
    prefix="/api/tokens", tags=["sessions"], dependencies=SECURITY, route_class=StrictRoute
)


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: TokenName


class Token(BaseModel):
    """A token as it is listed."""

    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class CreatedToken(Token):
    """A token as it is answered once, when it is made."""

    token: str


@router.get("", response_model=list[Token], responses=problems(401, 403))
async def list_tokens(request: Request, database: DatabaseDep, account: SignedIn) -> Response:
    """One's own tokens, newest first."""
    rows = await _all_of(database, account)
    return conditional_response(request, rows, headers={"Cache-Control": "no-store"})


async def _all_of(executor: Executor, account: Account) -> list[asyncpg.Record]:
    return await executor.fetch(
        "SELECT id, name, created_at, last_used_at FROM api_tokens "
        "WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
        account.id,
    )


@router.post(
    "",
    status_code=201,
    response_model=CreatedToken,
    responses=problems(400, 401, 403, 409, 412, 413, 415, 422) | LOCATION,
)
async def create_token(
    request: Request,
    database: DatabaseDep,
    account: SignedIn,
    body: NewToken,
    _key: IdempotencyKey = None,
) -> Response:
    """Make a token. The answer is the only place where it can be read."""
    # Derived, and not random: so it can be answered again without being stored.
    token_of = partial(derived_token, shown_token(request), prefix=PREFIX)

    async def make(
        connection: "PoolConnectionProxy[asyncpg.Record]", salt: bytes
    ) -> asyncpg.Record:
        await require_current(request, partial(_all_of, connection, account))
        row = await connection.fetchrow(
            """
            INSERT INTO api_tokens (user_id, name, token_hash)
            SELECT $1, $2, $3
            WHERE (SELECT count(*) FROM api_tokens WHERE user_id = $1) < $4
            RETURNING id, name, created_at, last_used_at
            """,
            account.id,
            body.name,
            token_hash(token_of(salt)),
            MOST_TOKENS,
        )
        if row is None:
            raise Problem(409, f"You have {MOST_TOKENS} tokens. Revoke one first.")
        return row

    try:
        attempt = Attempt.of(request, f"user {account.id}", body.model_dump())
        stored = await once(database, attempt, make, account.id)
    except asyncpg.UniqueViolationError:
        detail = "You have a token of this name. Revoke it, or choose another name."
        error = {"field": "body.name", "detail": detail}
        raise Problem(409, detail, errors=[error]) from None
    row = orjson.loads(stored.answer)
    token = token_of(stored.salt)
    if stored.is_repeated and not await _is_valid(database, row["id"], token):
        raise Problem(
            409,
            f"This request made token {row['id']}. Its value is told again only to the session or "
            "token that made it, and only while it is valid. Revoke it, and make another.",
        )
    headers = {"Location": f"{router.prefix}/{row['id']}", "Cache-Control": "no-store"}
    return json_response({**row, "token": token}, 201, headers)


async def _is_valid(database: Database, token_id: int, token: str) -> bool:
    sql = "SELECT true FROM api_tokens WHERE id = $1 AND token_hash = $2"
    return await database.fetchval(sql, token_id, token_hash(token)) is not None


@router.get("/{token_id}", response_model=Token, responses=problems(401, 403, 404, 422))
async def get_token(
    request: Request, database: DatabaseDep, account: SignedIn, token_id: PathId
) -> Response:
    """One of one's own tokens."""
    row = await _one_of(database, account, token_id)
    if row is None:
        raise _no_such_token(token_id)
    return conditional_response(request, row, headers={"Cache-Control": "no-store"})


async def _one_of(executor: Executor, account: Account, token_id: int) -> asyncpg.Record | None:
    return await executor.fetchrow(
        "SELECT id, name, created_at, last_used_at FROM api_tokens WHERE id = $1 AND user_id = $2",
        token_id,
        account.id,
    )


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404, 412, 422))
async def revoke_token(
    request: Request, database: DatabaseDep, account: SignedIn, token_id: PathId
) -> Response:
    """Revoke a token: it is not valid from now on."""
    async with database.transaction() as connection:
        await require_current(request, partial(_one_of, connection, account, token_id))
        sql = "DELETE FROM api_tokens WHERE id = $1 AND user_id = $2 RETURNING id"
        if await connection.fetchval(sql, token_id, account.id) is None:
            raise _no_such_token(token_id)
    return Response(status_code=204)


def _no_such_token(token_id: int) -> Problem:
    return Problem(404, f"You have no token {token_id}.")
