"""`/api/users`: register, look at users, change and delete oneself."""

from functools import partial
from typing import Annotated, Any

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Query, Request, Response

from skytier_app.auth import COOKIE, SECURITY, SignedIn, Viewer
from skytier_app.database import Database
from skytier_app.idempotency import DIFFERENT, Attempt, IdempotencyKey, once
from skytier_app.openapi import LINK, LOCATION, MAY_SIGN_IN, problems
from skytier_app.pagination import PageQuery, next_link
from skytier_app.passwords import hash_password, verify_password
from skytier_app.problems import Problem
from skytier_app.rate_limit import forgive, limit
from skytier_app.representation import Representation, conditional_response, require_current
from skytier_app.services import DatabaseDep, ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.users import queries
from skytier_app.users.models import Registration, Self, User, UserChange
from skytier_app.whole_number import PathId

router = APIRouter(prefix="/api/users", tags=["users"], route_class=StrictRoute)


@router.get("", response_model=list[User], responses=problems(422) | LINK)
async def list_users(
    request: Request, database: DatabaseDep, query: Annotated[PageQuery, Query()]
) -> Response:
    """All users, newest first. The `Link` header names the next page."""
    rows = await queries.list_users(database, query.limit + 1, query.position())
    return conditional_response(request, rows[: query.limit], next_link(router.prefix, rows, query))


async def _first_page(database: Database) -> Any:
    return await queries.list_users(database, PageQuery().limit, None)


@router.post(
    "",
    status_code=201,
    response_model=Self,
    responses=problems(400, 409, 412, 413, 415, 422, 429) | LOCATION,
)
async def register(
    request: Request, services: ServicesDep, body: Registration, _key: IdempotencyKey = None
) -> Response:
    """Register a user."""
    content = body.model_dump(exclude={"password"})
    attempt = Attempt.of(request, f"e-mail address {body.email.lower()}", content)
    per_minute = services.settings.registrations_per_minute
    await limit(request, services.hits, "register", per_minute)
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
    return Response(made.body, 201, headers=made.headers, media_type="application/json")


@router.get(
    "/{user_id}",
    response_model=Self | User,
    responses=problems(401, 404, 422),
    openapi_extra=MAY_SIGN_IN,
)
async def get_user(
    request: Request, database: DatabaseDep, user_id: PathId, account: Viewer
) -> Response:
    """One user. One's own answer has the e-mail address too."""
    is_self = account is not None and account.id == user_id
    row = await (queries.get_self if is_self else queries.get_user)(database, user_id)
    if row is None:
        raise _no_such_user(user_id)
    return conditional_response(request, row)


@router.patch(
    "/{user_id}",
    response_model=Self,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 429),
)
async def change_user(
    request: Request, services: ServicesDep, user_id: PathId, account: SignedIn, body: UserChange
) -> Response:
    """Change oneself. A new password ends all other sessions."""
    if account.id != user_id:
        raise await _not_oneself(services.database, user_id)
    changes = body.model_dump(exclude_unset=True)
    given = changes.pop("current_password", None)
    if password := changes.pop("password", None):
        per_minute = services.settings.failed_sign_ins_per_minute
        await limit(request, services.hits, "sign-in", per_minute)
        held = await queries.get_password_hash(services.database, user_id)
        if given is None or not await verify_password(held, given):
            detail = "The current password is needed to set a new one, and this is not it."
            error = {"field": "body.current_password", "detail": detail}
            raise Problem(403, detail, errors=[error])
        await forgive(request, services.hits, "sign-in")
        changes["password_hash"] = await hash_password(password)
    try:
        async with services.database.transaction() as connection:
            await require_current(request, partial(queries.get_self, connection, user_id))
            row = await queries.update_user(connection, user_id, changes)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from None
    if row is None:
        raise _no_such_user(user_id)
    if password:
        await services.sessions.end_all(user_id, but=request.cookies.get(COOKIE))
    made = Representation.of(row)
    return Response(made.body, headers=made.headers, media_type="application/json")


@router.delete(
    "/{user_id}",
    status_code=204,
    dependencies=SECURITY,
    responses=problems(401, 403, 404, 412, 422),
)
async def delete_user(
    request: Request, services: ServicesDep, user_id: PathId, account: SignedIn
) -> Response:
    """Delete oneself, with all one's posts. An administrator may delete anyone."""
    if account.id != user_id and not account.is_admin:
        raise await _not_oneself(services.database, user_id)
    seen = queries.get_self if account.id == user_id else queries.get_user
    async with services.database.transaction() as connection:
        await require_current(request, partial(seen, connection, user_id))
        if not await queries.delete_user(connection, user_id):
            raise _no_such_user(user_id)
    await services.sessions.end_all(user_id)
    return Response(status_code=204)


def _no_such_user(user_id: int) -> Problem:
    return Problem(404, f"There is no user {user_id}.")


async def _not_oneself(database: DatabaseDep, user_id: int) -> Problem:
    if await queries.get_user(database, user_id) is None:
        return _no_such_user(user_id)
    return Problem(403, "A user is changed and deleted only by themselves.")


def _taken(error: asyncpg.UniqueViolationError) -> Problem:
    field = "email" if "email" in (error.constraint_name or "") else "username"
    detail = f"This {'e-mail address' if field == 'email' else 'username'} is taken."
    return Problem(409, detail, errors=[{"field": f"body.{field}", "detail": detail}])
