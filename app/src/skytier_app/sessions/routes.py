"""`/api/sessions`: sign in, sign out, who am I."""

from functools import partial

import asyncpg
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.background import BackgroundTask

from skytier_app.auth import (
    COOKIE,
    SECURITY,
    TLS_COOKIE,
    SignedIn,
    may_write,
    session_tokens,
    viewer,
)
from skytier_app.clients import Client
from skytier_app.metrics.figures import SIGN_INS
from skytier_app.openapi import LOCATION, MAY_SIGN_IN, problems
from skytier_app.problems import Problem
from skytier_app.proof import knows_password
from skytier_app.reads import remember_write
from skytier_app.representation import conditional_response, json_response, require_current
from skytier_app.security_log.events import Kind, record
from skytier_app.services import Services, ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.text import Password, Username
from skytier_app.users import queries
from skytier_app.users.models import Self

NOT_KEPT = {"Cache-Control": "no-store"}

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
    dependencies=[Depends(may_write)],
    responses=problems(400, 401, 403, 412, 413, 415, 422, 429) | LOCATION,
)
async def sign_in(request: Request, services: ServicesDep, body: Credentials) -> Response:
    """Sign in: the answer sets the session's cookie."""
    await require_current(request, partial(_me, request, services))
    client = Client.of(request)
    held = await queries.get_credentials(services.database, body.username)
    user_id, password_hash = (held["id"], held["password_hash"]) if held else (None, None)
    is_right = await knows_password(request, services, user_id, password_hash, body.password)
    token = row = None
    if is_right and held:
        token = await services.sessions.create(held["id"], held["password_hash"], client)
        row = await queries.get_self(services.database, held["id"])
    # Without them the password was wrong, or it was changed or the user deleted meanwhile.
    if token is None or row is None:
        SIGN_INS.labels("failed").inc()
        refused = Problem(401, "The username or the password is wrong.", headers=NOT_KEPT)
        answer = refused.response()
        if user_id is not None:  # after the answer, which takes as long where there is no such user
            answer.background = BackgroundTask(
                record, services.database, user_id, Kind.SIGN_IN_FAILED, client
            )
        return answer
    SIGN_INS.labels("ok").inc()
    await record(services.database, row["id"], Kind.SIGNED_IN, client)
    response = json_response(row, 201, {"Location": router.prefix, **NOT_KEPT})
    is_tls = request.scope["scheme"] == "https"
    response.set_cookie(
        TLS_COOKIE if is_tls else COOKIE,
        token,
        max_age=services.settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=is_tls,
    )
    if is_tls and COOKIE in request.cookies:
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


@router.get("", response_model=Self, dependencies=SECURITY, responses=problems(401, 403))
async def who_am_i(request: Request, services: ServicesDep, account: SignedIn) -> Response:
    """The user of this session or API token."""
    row = await queries.get_self(services.database, account.id)
    if row is None:
        raise Problem(401, "Your account was deleted in the meantime.")
    return conditional_response(request, row, NOT_KEPT)


async def _me(request: Request, services: Services) -> asyncpg.Record | None:
    account = await viewer(request, services)
    return await queries.get_self(services.database, account.id) if account else None


@router.delete(
    "",
    status_code=204,
    dependencies=[Depends(may_write)],
    responses=problems(401, 403, 412),
    openapi_extra=MAY_SIGN_IN,
)
async def sign_out(request: Request, services: ServicesDep) -> Response:
    """Sign out: ends this session and removes its cookie. Does nothing without one."""
    await require_current(request, partial(_me, request, services))
    for token in session_tokens(request):
        user_id = await services.sessions.end(token)
        if user_id is not None:
            await record(services.database, user_id, Kind.SIGNED_OUT, Client.of(request))
    response = Response(status_code=204, headers=NOT_KEPT)
    remember_write(request, response, services.settings)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    if request.scope["scheme"] == "https":
        response.delete_cookie(TLS_COOKIE, httponly=True, samesite="lax", secure=True)
    return response
