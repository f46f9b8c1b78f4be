"""`/api/users`: register, read users, change and delete your own account."""

from functools import partial
from typing import Annotated, Any

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Depends, Query, Request, Response

from skytier_app.auth import SECURITY, SignedIn, Viewer, may_write, session_tokens
from skytier_app.clients import Client
from skytier_app.database import Database
from skytier_app.idempotency import DIFFERENT, Attempt, IdempotencyKey, once
from skytier_app.openapi import LINK, LOCATION, MAY_SIGN_IN, problems
from skytier_app.pagination import PageQuery, next_link
from skytier_app.passwords import hash_password, verify_password
from skytier_app.problems import Problem
from skytier_app.proof import confirm, wrong_password
from skytier_app.rate_limit import limit, of_address
from skytier_app.reads import remember_write
from skytier_app.representation import Representation, conditional_response, require_current
from skytier_app.security_log.events import Kind, record
from skytier_app.services import ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.users import queries
from skytier_app.users.models import Confirmation, Registration, Self, User, UserChange
from skytier_app.users.oneself import Oneself, no_such_user, not_oneself
from skytier_app.whole_number import PathId

router = APIRouter(prefix="/api/users", tags=["users"], route_class=StrictRoute)


@router.get("", response_model=list[User], responses=problems(422) | LINK)
async def list_users(
    request: Request, services: ServicesDep, query: Annotated[PageQuery, Query()]
) -> Response:
    """All users, newest first. The `Link` header names the next page."""
    database = services.reads(request).database
    rows = await queries.list_users(database, query.limit + 1, query.position())
    return conditional_response(request, rows[: query.limit], next_link(router.prefix, rows, query))


async def _first_page(database: Database) -> Any:
    return await queries.list_users(database, PageQuery().limit, None)


@router.post(
    "",
    status_code=201,
    response_model=Self,
    dependencies=[Depends(may_write)],
    responses=problems(400, 401, 403, 409, 412, 413, 415, 422, 429) | LOCATION,
)
async def register(
    request: Request, services: ServicesDep, body: Registration, _key: IdempotencyKey = None
) -> Response:
    """Register a user."""
    content = body.model_dump(exclude={"password"})
    attempt = Attempt.of(request, f"e-mail address {body.email.lower()}", content)
    per_minute = services.settings.registrations_per_minute
    await limit(services.hits, "register", of_address(request), per_minute)
    password_hash = await hash_password(body.password)

    async def make(connection: "PoolConnectionProxy[asyncpg.Record]", _: bytes) -> asyncpg.Record:
        await require_current(request, partial(_first_page, services.database))
        row = await queries.create_user(connection, body.username, body.email, password_hash)
        assert row is not None  # noqa: S101  # INSERT ... RETURNING
        return row

    try:
        stored = await once(services.database, attempt, make)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from None
    row = orjson.loads(stored.answer)
    if stored.is_repeated:
        # Of the password nothing is stored with the answer; it is compared like this.
        held = await queries.get_password_hash(services.database, row["id"])
        if not await verify_password(held, body.password):
            raise DIFFERENT
    made = Representation.of(row, {"Location": f"{router.prefix}/{row['id']}"})
    answer = Response(made.body, 201, headers=made.headers, media_type="application/json")
    remember_write(request, answer, services.settings)
    return answer


@router.get(
    "/{user_id}",
    response_model=Self | User,
    responses=problems(401, 404, 422),
    openapi_extra=MAY_SIGN_IN,
)
async def get_user(
    request: Request, services: ServicesDep, user_id: PathId, account: Viewer
) -> Response:
    """One user. Your own has the e-mail address too."""
    if account is not None and account.id == user_id:
        row = await queries.get_self(services.database, user_id)
    else:
        row = await queries.get_user(services.reads(request).database, user_id)
    if row is None:
        raise no_such_user(user_id)
    return conditional_response(request, row)


@router.patch(
    "/{user_id}",
    response_model=Self,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 429),
)
async def change_user(
    request: Request, services: ServicesDep, me: Oneself, body: UserChange
) -> Response:
    """Change your account. A new password ends all other sessions and, unless `revoke_tokens` is
    false, revokes all API tokens. A new password or e-mail address needs the current password."""
    changes = body.model_dump(exclude_unset=True)
    given = changes.pop("current_password", None)
    password = changes.pop("password", None)
    proof = None
    if given is not None or password or changes.get("email", me.email) != me.email:
        proof = await confirm(request, services, me, given)
    if password:
        changes["password_hash"] = await hash_password(password)
    client = Client.of(request)
    try:
        async with services.database.transaction() as connection:
            if proof and not await queries.lock_user(connection, me.id, proof):
                raise wrong_password()
            await require_current(request, partial(queries.get_self, connection, me.id))
            row = await queries.update_user(connection, me.id, changes)
            if row is None:
                raise no_such_user(me.id)
            if row["username"] != me.username:
                kind = Kind.USERNAME_CHANGED
                await record(connection, me.id, kind, client, subject=row["username"])
            if row["email"] != me.email:
                await record(connection, me.id, Kind.EMAIL_CHANGED, client)
            if password:
                # Before the new password holds: if the sessions cannot be ended, it does not.
                kept = next(iter(session_tokens(request)), None)
                await services.sessions.end_all(connection, me.id, but=kept)
                if body.revoke_tokens:
                    await connection.execute("DELETE FROM api_tokens WHERE user_id = $1", me.id)
                await record(connection, me.id, Kind.PASSWORD_CHANGED, client)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from None
    made = Representation.of(row)
    return Response(made.body, headers=made.headers, media_type="application/json")


@router.delete(
    "/{user_id}",
    status_code=204,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 429),
)
async def delete_user(
    request: Request,
    services: ServicesDep,
    user_id: PathId,
    account: SignedIn,
    body: Confirmation,
) -> Response:
    """Delete your account with all its posts. An administrator may delete any account. Needs your
    current password."""
    if account.id != user_id and not account.is_admin:
        raise await not_oneself(services.database, user_id)
    proof = await confirm(request, services, account, body.current_password)
    seen = queries.get_self if account.id == user_id else queries.get_user
    async with services.database.transaction() as connection:
        await queries.lock_users(connection, account.id, user_id)
        if not await queries.lock_user(connection, account.id, proof):
            raise wrong_password()
        await require_current(request, partial(seen, connection, user_id))
        username = await queries.delete_user(connection, user_id)
        if username is None:
            raise no_such_user(user_id)
        await services.sessions.end_all(connection, user_id)
        if account.id != user_id:
            client = Client.of(request)
            await record(connection, account.id, Kind.USER_DELETED, client, subject=username)
    return Response(status_code=204)


def _taken(error: asyncpg.UniqueViolationError) -> Problem:
    field = "email" if "email" in (error.constraint_name or "") else "username"
    detail = f"This {'e-mail address' if field == 'email' else 'username'} is taken."
    return Problem(409, detail, errors=[{"field": f"body.{field}", "detail": detail}])
