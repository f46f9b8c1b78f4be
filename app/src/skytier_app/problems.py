"""Errors as RFC 9457 problem documents."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from skytier_app.allowed_methods import allowed_methods
from skytier_app.database import DatabaseUnavailable
from skytier_app.logs import request_id
from skytier_app.text import pattern_words

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 10
MOST_CHARACTERS = 300
"""Of any text in a problem: some of it may be the client's own."""
MOST_NAME_CHARACTERS = 80
"""Of the name of a field, which may be the client's own too."""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Problem(Exception):  # noqa: N818  # the protocol's own name
    """An answer other than the one asked for.

    `status` is an HTTP status, `detail` a sentence for the person who asked, `errors` the fields
    at fault: `{"field": "body.email", "detail": "..."}`. Only the first MOST_ERRORS errors are
    kept, and long texts are cut.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = _cut(detail, MOST_CHARACTERS)
        self.errors = [
            {
                "field": _cut(error["field"], MOST_NAME_CHARACTERS),
                "detail": _cut(error["detail"], MOST_CHARACTERS),
            }
            for error in errors[:MOST_ERRORS]
        ]
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """This problem as an answer, with the request's id."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id.get(),
        }
        if self.errors:
            document["errors"] = self.errors
        return Response(
            orjson.dumps(document), self.status, media_type=MEDIA_TYPE, headers=self.headers
        )


FAULT = Problem(500, "Something went wrong here. The log has the request id.")
UNAVAILABLE_HEADERS = {"Retry-After": "1"}

Answer = Callable[[Request, Problem], Awaitable[Response]]
"""Makes a problem an answer: a document for programs, perhaps a page for people."""


async def as_document(_: Request, problem: Problem) -> Response:
    """The problem document, for every client."""
    return problem.response()


def install(app: FastAPI, answer: Answer = as_document) -> None:
    """Make every error of the application a Problem, answered by `answer`."""

    def handle(kind: type[Exception], problem_of: Callable[[Request, Any], Problem]) -> None:
        async def handler(request: Request, error: Exception) -> Response:
            if request.method == "OPTIONS" and getattr(error, "status_code", None) == 405:
                # No route takes OPTIONS: it asks what this error tells.
                return Response(status_code=204, headers={"Allow": allowed_methods(request)})
            return await answer(request, problem_of(request, error))

        app.add_exception_handler(kind, handler)

    handle(Problem, lambda _, problem: problem)
    handle(HTTPException, _http_exception)
    handle(RequestValidationError, _validation_error)
    handle(DatabaseUnavailable, lambda _, error: _unavailable(error, error.told))
    handle(Exception, lambda *_: FAULT)


def _unavailable(error: Exception, told: str) -> Problem:
    _log.warning("answered with 503: %s: %s", type(error).__name__, error)
    return Problem(503, told, headers=UNAVAILABLE_HEADERS)


def _http_exception(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        allowed = allowed_methods(request)
        detail = f"This address takes {allowed}, and not {request.method}."
        return Problem(405, detail, headers={"Allow": allowed})
    if error.status_code == 404:
        return Problem(404, "There is nothing at this address.")
    return Problem(error.status_code, error.detail, headers=error.headers)


def _validation_error(_: Request, error: RequestValidationError) -> Problem:
    # The input itself stays out of the answer: it may be a password.
    found = error.errors()
    errors = [
        {"field": ".".join(str(part) for part in item["loc"]), "detail": _words(item)}
        for item in found[:MOST_ERRORS]
    ]
    names = dict.fromkeys(_cut(item["field"], MOST_NAME_CHARACTERS) for item in errors)
    more = f" These are {len(errors)} of {len(found)} errors." if len(found) > len(errors) else ""
    detail = _cut(f"The request does not have the right form: {', '.join(names)}", 250)
    return Problem(422, f"{detail}.{more}", errors=errors)


def _words(item: Mapping[str, Any]) -> str:
    if item["type"] == "string_pattern_mismatch":
        return pattern_words(item["ctx"]["pattern"])
    # Pydantic's, without the words that speak of the program.
    message: str = item["msg"].removeprefix("Value error, ")
    return re.sub("^(String|Input) should", "This should", message)


class ProblemSchema:
    """The document's JSON schema, for OpenAPI."""

    NAME = "Problem"
    SCHEMA: Mapping[str, Any] = {
        "title": NAME,
        "description": "A problem document (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "detail"],
                    "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
        },
    }
