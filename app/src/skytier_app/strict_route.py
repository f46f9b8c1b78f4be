"""Routes that take exactly what the OpenAPI document says of parameters and bodies."""

import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from skytier_app.problems import Problem

MOST_FIELDS = 100
"""An object with more fields is refused before each of them is looked at."""

_is_json = re.compile(r"application/(?:[\w.!#$&^-]+\+)?json", re.ASCII | re.IGNORECASE).fullmatch


class StrictRoute(APIRoute):
    """Refuses a query parameter that is given twice, and reads JSON bodies by `read_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        takes_query = bool(self.dependant.query_params)
        takes_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            if takes_query:
                _refuse_repeated(request)
            if takes_body:
                request = await _ReadRequest.of(request)
            return await answer(request)

        return handle


class _ReadRequest(Request):
    """A request whose JSON was read before FastAPI asks for it."""

    _content: object

    @classmethod
    async def of(cls, request: Request) -> "_ReadRequest":
        read = cls(request.scope, request.receive)
        read._content = await _json_of(read)
        return read

    async def json(self) -> object:
        return self._content


def read_json(body: bytes) -> object:
    """The content of a JSON body in UTF-8. Problem 400 when it is no JSON, 422 for an object of
    more than MOST_FIELDS fields."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        detail = f"{error.msg.partition(': line')[0]}, at {where}" if body else "it is empty"
        raise _wrong(400, f"The body is not valid JSON: {detail}.") from None
    if isinstance(content, dict) and len(content) > MOST_FIELDS:
        raise _wrong(422, f"The body has {len(content)} fields, and may have {MOST_FIELDS}.")
    return content


async def _json_of(request: Request) -> object:
    kind = request.headers.get("content-type", "")
    if not _is_json(kind.partition(";")[0].strip()):
        came = f"it came as {kind}" if kind else "it came without a type"
        raise Problem(
            415,
            f"Send the body as `Content-Type: application/json`; {came}.",
            headers={"Accept": "application/json"},
        )
    try:
        body = await request.body()
    except ClientDisconnect:
        raise Problem(400, "The request ended before its body did.") from None
    return read_json(body)


def _refuse_repeated(request: Request) -> None:
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        {"field": f"query.{name}", "detail": f"This was given {times} times; give it once."}
        for name, times in given.items()
        if times > 1
    ]
    if errors:
        raise Problem(422, "A parameter was given more than once.", errors=errors)


def _wrong(status: int, detail: str) -> Problem:
    return Problem(status, detail, errors=[{"field": "body", "detail": detail}])
