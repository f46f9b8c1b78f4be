"""The hot routes of posts; `routes` has each of them in full."""

from urllib.parse import parse_qsl

import orjson
from fastapi import Request, Response
from pydantic import ValidationError

from skytier_app.auth import viewer
from skytier_app.middleware.hot_routes import HotRoute
from skytier_app.posts.models import NewPost, PostQuery
from skytier_app.posts.routes import created
from skytier_app.posts.shared import PATH
from skytier_app.representation import Representation
from skytier_app.services import Services

_FIRST_PAGE = PostQuery()
_CONDITIONS = frozenset({b"idempotency-key", b"if-match", b"if-none-match"})


async def _list(request: Request, services: Services) -> Response | None:
    query = _FIRST_PAGE
    if request.scope["query_string"]:
        given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        values = dict(given)
        if len(values) < len(given):
            return None
        try:
            query = PostQuery.model_validate(values)
        except ValidationError:
            return None
    return (await services.reads(request).posts.list(query)).answer(request)


async def _get(request: Request, services: Services) -> Response | None:
    post_id = int(request.scope["path"].rpartition("/")[2])
    row = await services.reads(request).posts.post(post_id)
    return Representation.of(row).answer(request) if row is not None else None


async def _create(request: Request, services: Services) -> Response | None:
    if not _CONDITIONS.isdisjoint([name for name, _ in request.scope["headers"]]):
        return None
    account = await viewer(request, services)
    if account is None:
        return None
    try:
        content = orjson.loads(await request.body())
        if not isinstance(content, dict) or len(content) > len(NewPost.model_fields):
            return None
        post = NewPost.model_validate(content)
    except (orjson.JSONDecodeError, ValidationError):
        return None
    return await created(request, services, account, post)


ROUTES = (
    HotRoute("GET", PATH, _list),
    HotRoute("POST", PATH, _create),
    HotRoute("GET", f"{PATH}/{{post_id}}", _get),
)
