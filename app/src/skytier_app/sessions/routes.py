"""`/api/sessions`: sign in, sign out, who am I."""

from functools import partial

import asyncpg
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from skytier_app.auth import COOKIE, SECURITY, SignedIn, viewer
from skytier_app.metrics.figures import SIGN_INS
from skytier_app.openapi import LOCATION, MAY_SIGN_IN, problems
from skytier_app.passwords import verify_password
from skytier_app.problems import Problem
from skytier_app.rate_limit import forgive, limit
from skytier_app.representation import conditional_response, json_response, require_current
from skytier_app.services import Services, ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.text import Password, Username
from skytier_app.users import queries
from skytier_app.users.models import Self

router = APIRouter(prefix="/api/sessions", tags=["sessions"], route_class=StrictRoute)


class Credentials(BaseModel):
    """What one signs in with."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    password: Password


@router.post(
    "",
    status_code=201,
    response_model=Self,
    responses=problems(400, 401, 412, 413, 415, 422, 429) | LOCATION,
)
async def sign_in(request: Request, services: ServicesDep, body: Credentials) -> Response:
    """Sign in: the answer sets the session's cookie."""
    await require_current(request, partial(_me, request, services))
    settings = services.settings
    await limit(request, services.hits, "sign-in", settings.failed_sign_ins_per_minute)
    held = await queries.get_credentials(services.database, body.username)
    if not await verify_password(held["password_hash"] if held else None, body.password):
        SIGN_INS.labels("failed").inc()
        raise Problem(401, "The username or the password is wrong.")
    SIGN_INS.labels("ok").inc()
    await forgive(request, services.hits, "sign-in")
    assert held is not None  # noqa: S101  # nobody's password is never right
    row = await queries.get_self(services.database, held["id"])
    response = json_response(row, 201, {"Location": "/api/sessions"})
    response.set_cookie(
        COOKIE,
        await services.sessions.create(held["id"]),
        max_age=settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    return response


@router.get("", response_model=Self, dependencies=SECURITY, responses=problems(401, 403))
async def who_am_i(request: Request, services: ServicesDep, account: SignedIn) -> Response:
    """The user of this session or API token."""
    return conditional_response(request, await queries.get_self(services.database, account.id))


async def _me(request: Request, services: Services) -> asyncpg.Record | None:
    account = await viewer(request, services)
    return await queries.get_self(services.database, account.id) if account else None


@router.delete("", status_code=204, responses=problems(401, 403, 412), openapi_extra=MAY_SIGN_IN)
async def sign_out(request: Request, services: ServicesDep) -> Response:
    """Sign out: ends this session and removes its cookie. Does nothing without one."""
    await require_current(request, partial(_me, request, services))
    if session := request.cookies.get(COOKIE):
        await services.sessions.end(session)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response
