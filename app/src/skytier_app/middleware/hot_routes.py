"""The most frequent requests, answered without the framework.

Each of them has a route in FastAPI too, which documents it and answers all requests that are not of
the plain, most frequent form. So what is wrong with a request is decided in one place.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skytier_app.middleware.body_limit import is_too_large
from skytier_app.services import Services

Answer = Callable[[Request, Services], Awaitable[Response | None]]
"""Answers a request; None leaves it to the full route. It may raise what a full route may."""

_is_id = re.compile("[1-9][0-9]{0,17}").fullmatch  # fits a bigint, whatever the digits are


@dataclass(frozen=True)
class HotRoute:
    """The path is the full route's, which may end with one number: `/api/posts/{post_id}`."""

    method: str
    path: str
    answer: Answer


class HotRoutes:
    """Answers by the hot routes what they can, and lets `full` answer the rest."""

    def __init__(self, full: ASGIApp, app: FastAPI, routes: Sequence[HotRoute]) -> None:
        self._full = full
        self._app = app
        self._routes = {
            (route.method, re.sub(r"{\w+}$", "#", route.path)): route for route in routes
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._find(scope) if scope["type"] == "http" else None
        if route is not None:
            request = Request(scope, receive)
            if scope["method"] == "GET" or _has_small_json(request):
                scope["route"] = route
                if (response := await self._answer(route, request)) is not None:
                    await response(scope, receive, send)
                    return
                receive = _once_more(request, receive)
        await self._full(scope, receive, send)

    def _find(self, scope: Scope) -> HotRoute | None:
        path: str = scope["path"]
        parent, _, last = path.rpartition("/")
        if _is_id(last):
            path = f"{parent}/#"
        return self._routes.get((scope["method"], path))

    async def _answer(self, route: HotRoute, request: Request) -> Response | None:
        try:
            return await route.answer(request, self._app.state.services)
        except ClientDisconnect:
            return None
        except Exception as error:
            handlers = self._app.exception_handlers
            # The one for Exception is left to the server's layer, which logs the fault.
            kinds = type(error).__mro__[: type(error).__mro__.index(Exception)]
            handler = next((handlers[kind] for kind in kinds if kind in handlers), None)
            if handler is None:
                raise
            return cast(Response, await handler(request, error))  # type: ignore[misc]  # all of ours are async


def _has_small_json(request: Request) -> bool:
    headers = request.headers
    length = headers.get("content-length", "")
    return (
        headers.get("content-type") == "application/json"
        and length.isdecimal()
        and not is_too_large(length)
    )


def _once_more(request: Request, receive: Receive) -> Receive:
    """What gives the full route the body that the hot route has read."""
    if request.method == "GET":
        return receive

    async def body() -> Message:
        return {"type": "http.request", "body": await request.body()}

    return body
