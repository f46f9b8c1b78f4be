"""`/api/tokens`: API tokens, for programs. Only their hash is stored."""

from datetime import timedelta
from functools import partial
from typing import Union

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Request, Response

from skytier_app.accounts import Account
from skytier_app.auth import SECURITY, SignedIn, shown_token
from skytier_app.clients import Client
from skytier_app.database import Database
from skytier_app.idempotency import Attempt, IdempotencyKey, once
from skytier_app.openapi import LOCATION, problems
from skytier_app.problems import Problem
from skytier_app.proof import confirm, wrong_password
from skytier_app.representation import conditional_response, json_response, require_current
from skytier_app.secret_token import derived_token, token_hash
from skytier_app.security_log.events import Kind, record
from skytier_app.services import DatabaseDep, ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.tokens.models import CreatedToken, NewToken, Token
from skytier_app.users.queries import lock_user, lock_users
from skytier_app.whole_number import PathId

PREFIX = "skytier_"  # lets a leaked token be recognised by whoever scans for them
_COLUMNS = "id, name, scope, created_at, expires_at, last_used_at"

Executor = Union[Database, "PoolConnectionProxy[asyncpg.Record]"]

router = APIRouter(
    prefix="/api/tokens", tags=["sessions"], dependencies=SECURITY, route_class=StrictRoute
)


@router.get("", response_model=list[Token], responses=problems(401, 403))
async def list_tokens(request: Request, database: DatabaseDep, account: SignedIn) -> Response:
    """One's own tokens, newest first."""
    rows = await _all_of(database, account)
    return conditional_response(request, rows, headers={"Cache-Control": "no-store"})


async def _all_of(executor: Executor, account: Account) -> list[asyncpg.Record]:
    return await executor.fetch(
        f"SELECT {_COLUMNS} FROM api_tokens "  # noqa: S608
        "WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
        account.id,
    )


@router.post(
    "",
    status_code=201,
    response_model=CreatedToken,
    responses=problems(400, 401, 403, 409, 412, 413, 415, 422, 429) | LOCATION,
)
async def create_token(
    request: Request,
    services: ServicesDep,
    account: SignedIn,
    body: NewToken,
    _key: IdempotencyKey = None,
) -> Response:
    """Make a token. The answer is the only place where it can be read. Needs the current
    password: a token alone makes no other."""
    content = body.model_dump(mode="json", exclude={"current_password"})
    attempt = Attempt.of(request, f"user {account.id}", content)
    proof = await confirm(request, services, account, body.current_password)
    # Derived, and not random: so it can be answered again without being stored.
    token_of = partial(derived_token, shown_token(request), prefix=PREFIX)
    days = body.expires_in_days
    most = services.settings.tokens_per_account

    async def make(
        connection: "PoolConnectionProxy[asyncpg.Record]", salt: bytes
    ) -> asyncpg.Record:
        # One at a time for each user: the count is still true when the token is stored.
        if not await lock_user(connection, account.id, proof):
            raise wrong_password()
        await require_current(request, partial(_all_of, connection, account))
        row = await connection.fetchrow(
            f"""
            INSERT INTO api_tokens (user_id, name, token_hash, scope, expires_at)
            SELECT $1, $2, $3, $4, now() + $5
            WHERE (SELECT count(*) FROM api_tokens WHERE user_id = $1) < $6
            RETURNING {_COLUMNS}
            """,  # noqa: S608
            account.id,
            body.name,
            token_hash(token_of(salt)),
            str(body.scope),
            timedelta(days=days) if days else None,
            most,
        )
        if row is None:
            raise Problem(409, f"You have {most} tokens. Revoke one first.")
        client = Client.of(request)
        await record(connection, account.id, Kind.TOKEN_CREATED, client, subject=body.name)
        return row

    try:
        stored = await once(services.database, attempt, make, account.id)
    except asyncpg.UniqueViolationError:
        detail = "You have a token of this name. Revoke it, or choose another name."
        error = {"field": "body.name", "detail": detail}
        raise Problem(409, detail, errors=[error]) from None
    row = orjson.loads(stored.answer)
    token = token_of(stored.salt)
    if stored.is_repeated and not await _is_valid(services.database, row["id"], token):
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
    """One of your tokens."""
    row = await _one_of(database, account, token_id)
    if row is None:
        raise _no_such_token(token_id)
    return conditional_response(request, row, headers={"Cache-Control": "no-store"})


async def _one_of(executor: Executor, account: Account, token_id: int) -> asyncpg.Record | None:
    return await executor.fetchrow(
        f"SELECT {_COLUMNS} FROM api_tokens WHERE id = $1 AND user_id = $2",  # noqa: S608
        token_id,
        account.id,
    )


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404, 412, 422))
async def revoke_token(
    request: Request, database: DatabaseDep, account: SignedIn, token_id: PathId
) -> Response:
    """Revoke a token: it is not valid from now on."""
    async with database.transaction() as connection:
        await lock_users(connection, account.id)  # before what is theirs, as whoever deletes them
        await require_current(request, partial(_one_of, connection, account, token_id))
        name = await connection.fetchval(
            "DELETE FROM api_tokens WHERE id = $1 AND user_id = $2 RETURNING name",
            token_id,
            account.id,
        )
        if name is None:
            raise _no_such_token(token_id)
        client = Client.of(request)
        await record(connection, account.id, Kind.TOKEN_REVOKED, client, subject=name)
    return Response(status_code=204)


def _no_such_token(token_id: int) -> Problem:
    return Problem(404, f"You have no token {token_id}.")
