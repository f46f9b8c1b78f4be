"""`/api/tokens`: API tokens, for programs. Only their hash is stored."""

from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict

from skytier_app.auth import SECURITY, SignedIn
from skytier_app.openapi import problems
from skytier_app.pagination import MAX_ID
from skytier_app.problems import Problem
from skytier_app.representation import json_response
from skytier_app.secret_token import new_token, token_hash
from skytier_app.services import DatabaseDep
from skytier_app.text import TokenName

MOST_TOKENS = 100
PREFIX = "skytier_"  # lets a leaked token be recognised by whoever scans for them

router = APIRouter(prefix="/api/tokens", tags=["sessions"], dependencies=SECURITY)


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
async def list_tokens(database: DatabaseDep, account: SignedIn) -> Response:
    """One's own tokens, newest first."""
    rows = await database.fetch(
        "SELECT id, name, created_at, last_used_at FROM api_tokens "
        "WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
        account.id,
    )
    return json_response(rows, headers={"Cache-Control": "no-store"})


@router.post(
    "",
    status_code=201,
    response_model=CreatedToken,
    responses=problems(400, 401, 403, 409, 413, 422),
)
async def create_token(database: DatabaseDep, account: SignedIn, body: NewToken) -> Response:
    """Make a token. The answer is the only place where it can be read."""
    token = new_token(PREFIX)
    try:
        row = await database.fetchrow(
            """
            INSERT INTO api_tokens (user_id, name, token_hash)
            SELECT $1, $2, $3
            WHERE (SELECT count(*) FROM api_tokens WHERE user_id = $1) < $4
            RETURNING id, name, created_at, last_used_at
            """,
            account.id,
            body.name,
            token_hash(token),
            MOST_TOKENS,
        )
    except asyncpg.UniqueViolationError:
        detail = "You have a token of this name. Revoke it, or choose another name."
        error = {"field": "body.name", "detail": detail}
        raise Problem(409, detail, errors=[error]) from None
    if row is None:
        raise Problem(409, f"You have {MOST_TOKENS} tokens. Revoke one first.")
    headers = {"Location": f"/api/tokens/{row['id']}", "Cache-Control": "no-store"}
    return json_response({**row, "token": token}, 201, headers)


@router.get("/{token_id}", response_model=Token, responses=problems(401, 403, 404, 422))
async def get_token(
    database: DatabaseDep, account: SignedIn, token_id: Annotated[int, Path(ge=1, le=MAX_ID)]
) -> Response:
    """One of one's own tokens."""
    row = await database.fetchrow(
        "SELECT id, name, created_at, last_used_at FROM api_tokens WHERE id = $1 AND user_id = $2",
        token_id,
        account.id,
    )
    if row is None:
        raise _no_such_token(token_id)
    return json_response(row, headers={"Cache-Control": "no-store"})


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404, 422))
async def revoke_token(
    database: DatabaseDep, account: SignedIn, token_id: Annotated[int, Path(ge=1, le=MAX_ID)]
) -> Response:
    """Revoke a token: it is not valid from now on."""
    if not await database.execute(
        "DELETE FROM api_tokens WHERE id = $1 AND user_id = $2", token_id, account.id
    ):
        raise _no_such_token(token_id)
    return Response(status_code=204)


def _no_such_token(token_id: int) -> Problem:
    return Problem(404, f"You have no token {token_id}.")
