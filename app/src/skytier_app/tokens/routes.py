"""`/api/tokens`: API tokens, for programs. Only their hash is stored."""

from datetime import timedelta
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Path, Request, Response

from skytier_app.auth import SECURITY, SignedIn
from skytier_app.clients import Client
from skytier_app.openapi import problems
from skytier_app.pagination import MAX_ID
from skytier_app.problems import Problem
from skytier_app.proof import confirm, wrong_password
from skytier_app.representation import json_response
from skytier_app.secret_token import new_token, token_hash
from skytier_app.security_log.events import Kind, record
from skytier_app.services import DatabaseDep, ServicesDep
from skytier_app.tokens.models import CreatedToken, NewToken, Token
from skytier_app.users.queries import lock_user, lock_users

PREFIX = "skytier_"  # lets a leaked token be recognised by whoever scans for them
_COLUMNS = "id, name, scope, created_at, expires_at, last_used_at"

router = APIRouter(prefix="/api/tokens", tags=["sessions"], dependencies=SECURITY)


@router.get("", response_model=list[Token], responses=problems(401, 403))
async def list_tokens(database: DatabaseDep, account: SignedIn) -> Response:
    """One's own tokens, newest first."""
    rows = await database.fetch(
        f"SELECT {_COLUMNS} FROM api_tokens "  # noqa: S608
        "WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
        account.id,
    )
    return json_response(rows, headers={"Cache-Control": "no-store"})


@router.post(
    "",
    status_code=201,
    response_model=CreatedToken,
    responses=problems(400, 401, 403, 409, 413, 422, 429),
)
async def create_token(
    request: Request, services: ServicesDep, account: SignedIn, body: NewToken
) -> Response:
    """Make a token. The answer is the only place where it can be read. Needs the current
    password: a token alone makes no other."""
    proof = await confirm(request, services, account, body.current_password)
    token = new_token(PREFIX)
    days = body.expires_in_days
    most = services.settings.tokens_per_account
    try:
        async with services.database.transaction() as connection:
            # One at a time for each user: the count is still true when the token is stored.
            if not await lock_user(connection, account.id, proof):
                raise wrong_password()
            row = await connection.fetchrow(
                f"""
                INSERT INTO api_tokens (user_id, name, token_hash, scope, expires_at)
                SELECT $1, $2, $3, $4, now() + $5
                WHERE (SELECT count(*) FROM api_tokens WHERE user_id = $1) < $6
                RETURNING {_COLUMNS}
                """,  # noqa: S608
                account.id,
                body.name,
                token_hash(token),
                str(body.scope),
                timedelta(days=days) if days else None,
                most,
            )
            if row is None:
                raise Problem(409, f"You have {most} tokens. Revoke one first.")
            client = Client.of(request)
            await record(connection, account.id, Kind.TOKEN_CREATED, client, subject=body.name)
    except asyncpg.UniqueViolationError:
        detail = "You have a token of this name. Revoke it, or choose another name."
        error = {"field": "body.name", "detail": detail}
        raise Problem(409, detail, errors=[error]) from None
    headers = {"Location": f"/api/tokens/{row['id']}", "Cache-Control": "no-store"}
    return json_response({**row, "token": token}, 201, headers)


@router.get("/{token_id}", response_model=Token, responses=problems(401, 403, 404, 422))
async def get_token(
    database: DatabaseDep, account: SignedIn, token_id: Annotated[int, Path(ge=1, le=MAX_ID)]
) -> Response:
    """One of one's own tokens."""
    row = await database.fetchrow(
        f"SELECT {_COLUMNS} FROM api_tokens WHERE id = $1 AND user_id = $2",  # noqa: S608
        token_id,
        account.id,
    )
    if row is None:
        raise _no_such_token(token_id)
    return json_response(row, headers={"Cache-Control": "no-store"})


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404, 422))
async def revoke_token(
    request: Request,
    database: DatabaseDep,
    account: SignedIn,
    token_id: Annotated[int, Path(ge=1, le=MAX_ID)],
) -> Response:
    """Revoke a token: it is not valid from now on."""
    async with database.transaction() as connection:
        await lock_users(connection, account.id)  # before what is theirs, as whoever deletes them
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
