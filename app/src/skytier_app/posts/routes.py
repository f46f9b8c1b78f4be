"""`/api/posts`: read and search by anyone, write by the author."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from fastapi import APIRouter, Query, Request, Response

from skytier_app.accounts import Account
from skytier_app.auth import SECURITY, SignedIn
from skytier_app.clients import NO_CLIENT, Client
from skytier_app.database import Database
from skytier_app.idempotency import Attempt, IdempotencyKey, once
from skytier_app.openapi import LINK, LOCATION, problems
from skytier_app.posts import queries
from skytier_app.posts.models import NewPost, Post, PostChange, PostQuery
from skytier_app.posts.shared import PATH
from skytier_app.problems import Problem
from skytier_app.rate_limit import limit, of_account, of_address
from skytier_app.representation import (
    Content,
    Representation,
    conditional_response,
    require_current,
    require_match,
)
from skytier_app.security_log.events import Kind, record
from skytier_app.services import Services, ServicesDep
from skytier_app.strict_route import StrictRoute
from skytier_app.whole_number import PathId

router = APIRouter(prefix=PATH, tags=["posts"], route_class=StrictRoute)


@router.get("", response_model=list[Post], responses=problems(422) | LINK)
async def list_posts(
    request: Request, services: ServicesDep, query: Annotated[PostQuery, Query()]
) -> Response:
    """Posts, newest first: all, of one author, or those that match a search."""
    return (await services.reads(request).posts.list(query)).answer(request)


@router.post(
    "",
    status_code=201,
    response_model=Post,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 409, 412, 413, 415, 422, 429) | LOCATION,
)
async def create_post(
    request: Request,
    services: ServicesDep,
    account: SignedIn,
    body: NewPost,
    _key: IdempotencyKey = None,
) -> Response:
    """Write a post."""
    attempt = Attempt.of(request, f"user {account.id}", body.model_dump())
    if attempt is None:
        await require_current(request, partial(_first_page, services))
        return await created(request, services, account, body)
    await _limit(request, services, account)

    async def make(connection: "PoolConnectionProxy[asyncpg.Record]", _: bytes) -> asyncpg.Record:
        await require_current(request, partial(_first_page, services))
        new = queries.NewRow(account.id, body.title, body.content)
        return _made((await queries.create_posts(connection, [new])).get(new))

    async with services.changes.share.taken():
        stored = await once(services.database, attempt, make, account.id)
    return _created(orjson.loads(stored.answer))


async def created(
    request: Request, services: Services, account: Account, post: NewPost
) -> Response:
    """Store a new post; the answer to it."""
    await _limit(request, services, account)
    return _created(_made(await services.changes.create(account.id, post.title, post.content)))


def _made(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise Problem(401, "Your account was deleted in the meantime.")
    return row


def _created(row: Content) -> Response:
    made = Representation.of(row, {"Location": f"{PATH}/{row['id']}"})
    return Response(made.body, 201, headers=made.headers, media_type="application/json")


async def _first_page(services: Services) -> Any:
    return orjson.loads((await services.own_reads.posts.list(PostQuery())).body)


@router.get("/{post_id}", response_model=Post, responses=problems(404, 422))
async def get_post(request: Request, services: ServicesDep, post_id: PathId) -> Response:
    """One post."""
    row = await services.reads(request).posts.post(post_id)
    if row is None:
        raise _no_such_post(post_id)
    return conditional_response(request, row)


@router.put(
    "/{post_id}",
    response_model=Post,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 429),
)
async def replace_post(
    request: Request, services: ServicesDep, post_id: PathId, account: SignedIn, body: NewPost
) -> Response:
    """Replace a post. With `If-Match`, only when it is still the one that was read."""
    return await _update(request, services, post_id, account, body.title, body.content)


@router.patch(
    "/{post_id}",
    response_model=Post,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 429),
)
async def change_post(
    request: Request, services: ServicesDep, post_id: PathId, account: SignedIn, body: PostChange
) -> Response:
    """Change a post's title or content. `If-Match` as for replacing it."""
    return await _update(
        request, services, post_id, account, body.title or None, body.content or None
    )


@router.delete(
    "/{post_id}",
    status_code=204,
    dependencies=SECURITY,
    responses=problems(401, 403, 404, 412, 422, 429),
)
async def delete_post(
    request: Request, services: ServicesDep, post_id: PathId, account: SignedIn
) -> Response:
    """Delete a post. `If-Match` as for replacing it."""
    async with _own_post(request, services, post_id, account) as (connection, _):
        await queries.delete_post(connection, post_id)
    return Response(status_code=204)


async def _update(
    request: Request,
    services: Services,
    post_id: int,
    account: Account,
    title: str | None,
    content: str | None,
) -> Response:
    async with _own_post(request, services, post_id, account) as (connection, row):
        # What changes nothing leaves the time of the last change.
        if (title or row["title"], content or row["content"]) != (row["title"], row["content"]):
            changed = await queries.update_post(connection, post_id, title, content)
            assert changed is not None  # noqa: S101  # it is locked
            row = changed
    made = Representation.of(row)
    return Response(made.body, headers=made.headers, media_type="application/json")


@asynccontextmanager
async def _own_post(
    request: Request, services: Services, post_id: int, account: Account
) -> AsyncIterator[tuple["PoolConnectionProxy[asyncpg.Record]", asyncpg.Record]]:
    """A transaction that holds a post which the account may change as it stands, and the post."""
    await _limit(request, services, account)
    async with services.changes.share.taken(), services.database.transaction() as connection:
        row = await queries.lock_post(connection, post_id)
        if row is None:
            raise _no_such_post(post_id)
        if row["user_id"] != account.id and not account.is_admin:
            raise Problem(403, "A post is changed only by its author.")
        require_match(request, row)
        yield connection, row
    if row["user_id"] != account.id:
        await _record_edit(services.database, request, account, row)


async def _limit(request: Request, services: Services, account: Account) -> None:
    hits, most = services.local_hits, services.settings.posts_per_minute
    of_all = most * services.settings.accounts_per_address
    await limit(hits, "post", of_account(account.id), most)
    await limit(hits, "post", of_address(request), of_all)


async def _record_edit(
    database: Database,
    request: Request,
    administrator: Account,
    post: asyncpg.Record,
) -> None:
    """Note an administrator's edit in the author's log, and in their own with where they are."""
    kind = Kind.POST_DELETED if request.method == "DELETE" else Kind.POST_CHANGED
    subject = f"/posts/{post['id']}"
    author_id, actor = post["user_id"], administrator.username
    await record(database, author_id, kind, NO_CLIENT, subject=subject, actor=actor)
    await record(database, administrator.id, kind, Client.of(request), subject=subject)


def _no_such_post(post_id: int) -> Problem:
    return Problem(404, f"There is no post {post_id}.")
