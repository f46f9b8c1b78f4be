"""The pages for people. Reading needs no JavaScript; writing goes through the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import asyncpg
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ConfigDict, Field

from skytier_app.accounts import Account
from skytier_app.auth import Viewer, viewer
from skytier_app.health.report import report
from skytier_app.markdown import EXCERPT_READS
from skytier_app.pages.render import documentation, page
from skytier_app.pagination import next_address
from skytier_app.posts import queries as posts
from skytier_app.posts.models import PostQuery
from skytier_app.problems import Problem
from skytier_app.representation import etag, to_json
from skytier_app.services import ServicesDep
from skytier_app.users import queries as users
from skytier_app.whole_number import PLAIN, PathId

PAGE_SIZE = 20

router = APIRouter(include_in_schema=False)


class ListQuery(PostQuery):
    """Which posts a page shows. Other parameters are left alone: links get them on their way."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=PAGE_SIZE), PLAIN] = PAGE_SIZE


async def _list(
    request: Request,
    services: ServicesDep,
    reader: Account | None,
    query: ListQuery,
    author: object = None,
) -> Response:
    rows = await posts.list_posts(
        services.reads(request).database,
        query.limit + 1,
        query.position(),
        query.user_id,
        query.q,
        characters=EXCERPT_READS,
    )
    more = next_address(request.scope["path"], rows, query)
    return await page(
        request,
        services,
        reader,
        "posts",
        posts=rows[: query.limit],
        query=query,
        author=author,
        more=more,
    )


@router.get("/")
async def index(
    request: Request, services: ServicesDep, reader: Viewer, query: Annotated[ListQuery, Query()]
) -> Response:
    """Posts, newest first, and those that match a search."""
    return await _list(request, services, reader, query)


@router.get("/users/{user_id}")
async def author(
    request: Request,
    services: ServicesDep,
    reader: Viewer,
    user_id: PathId,
    query: Annotated[ListQuery, Query()],
) -> Response:
    """One author's posts."""
    user = await users.get_user(services.reads(request).database, user_id)
    if user is None:
        raise Problem(404, f"There is no user {user_id}.")
    own = query.model_copy(update={"user_id": user_id})
    return await _list(request, services, reader, own, user)


@router.get("/posts/{post_id}")
async def post(
    request: Request, services: ServicesDep, reader: Viewer, post_id: PathId
) -> Response:
    """One post, at an address of its own."""
    row = await services.reads(request).posts.post(post_id)
    if row is None:
        raise Problem(404, f"There is no post {post_id}.")
    return await page(request, services, reader, "post", post=row, may_edit=_may_edit(reader, row))


@router.get("/posts/{post_id}/edit")
async def edit(
    request: Request, services: ServicesDep, reader: Viewer, post_id: PathId
) -> Response:
    """The form to edit a post."""
    row = await services.reads(request).posts.post(post_id)
    if row is None:
        raise Problem(404, f"There is no post {post_id}.")
    if reader is None:
        return _sign_in_first(request)
    if not _may_edit(reader, row):
        raise Problem(403, "Only its author can edit this post.")
    return await page(request, services, reader, "write", post=row, tag=etag(to_json(row)))


@router.get("/write")
async def write(request: Request, services: ServicesDep, reader: Viewer) -> Response:
    """The form to write a post."""
    if reader is None:
        return _sign_in_first(request)
    return await page(request, services, reader, "write", post=None, tag=None)


@router.get("/account")
async def account(request: Request, services: ServicesDep, reader: Viewer) -> Response:
    """The reader's name, address, password and tokens."""
    if reader is None:
        return _sign_in_first(request)
    return await page(request, services, reader, "account")


@router.get("/sign-in")
async def sign_in(request: Request, services: ServicesDep, reader: Viewer) -> Response:
    """The form to sign in."""
    return await page(request, services, reader, "sign-in")


@router.get("/register")
async def register(request: Request, services: ServicesDep, reader: Viewer) -> Response:
    """The form to register."""
    return await page(request, services, reader, "register")


@router.get("/statistics")
async def statistics(request: Request, services: ServicesDep, reader: Viewer) -> Response:
    """Counts, posts a day, and the state of the machine."""
    figures = services.reads(request).figures
    return await page(
        request,
        services,
        reader,
        "statistics",
        counts=await figures.counts(),
        days=await figures.posts_per_day(),
        pool=services.database.pool_state(),
        machine=services.machine.newest,
        samples=services.machine.columns(),
    )


@router.get("/status")
async def status(request: Request, services: ServicesDep) -> Response:
    """Whether the application works, and since when."""
    health = await report(services.health)
    well = health["status"] == "ok"
    code = 503 if health["status"] == "unavailable" else 200
    reader = await viewer(request, services) if well else None  # asks what may be away
    started = datetime.now(UTC) - timedelta(seconds=health["uptime_s"])
    return await page(
        request, services, reader, "status", status=code, health=health, started=started
    )


@router.get("/docs")
async def docs() -> Response:
    """Swagger UI, to try the API out."""
    return documentation("docs")


@router.get("/redoc")
async def redoc() -> Response:
    """Redoc, to read about the API."""
    return documentation("redoc")


def _may_edit(reader: Account | None, row: asyncpg.Record) -> bool:
    return reader is not None and (reader.is_admin or reader.id == row["user_id"])


def _sign_in_first(request: Request) -> Response:
    return RedirectResponse(f"/sign-in?{urlencode({'next': request.scope['path']})}", 303)
