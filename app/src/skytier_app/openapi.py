"""The OpenAPI document: what the routes answer besides what was asked for."""

from typing import Any

from fastapi import FastAPI

from skytier_app.problems import MEDIA_TYPE, ProblemSchema

_MEANINGS = {
    400: "The body is no JSON, or a header does not have the right form.",
    401: "Not signed in, or the API token is not valid.",
    403: "Not allowed, or a page of another site sent it.",
    404: "There is no such thing.",
    409: "Taken already, or the first request with this `Idempotency-Key` is under way.",
    412: "It was changed since it was read.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not sent as `application/json`.",
    422: "The request does not have the right form.",
    429: "Too many requests. `Retry-After` says when to try again.",
    503: "The database or the session store is away. Try again.",
}


Responses = dict[int | str, dict[str, Any]]
"""A route's `responses`."""


def _with_header(status: int, name: str, description: str) -> Responses:
    return {status: {"headers": {name: {"description": description, "schema": {"type": "string"}}}}}


LINK = _with_header(200, "Link", 'The next page, as `<address>; rel="next"`; none at the end.')
LOCATION = _with_header(201, "Location", "The address of what was made.")
MAY_SIGN_IN: dict[str, Any] = {"security": [{}, {"HTTPBearer": []}, {"APIKeyCookie": []}]}
"""For the `openapi_extra` of a route that answers strangers too, but others differently."""


def problems(*statuses: int) -> Responses:
    """For a route's `responses`: these problem documents, and those that any route may give."""
    schema = {"$ref": f"#/components/schemas/{ProblemSchema.NAME}"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 429, 503})
    }


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI makes."""
    make = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(make())
        assert app.openapi_schema is not None  # noqa: S101  # made above
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    # FastAPI's own form of errors gives way to the one that is answered.
    schemas = document["components"]["schemas"]
    schemas[ProblemSchema.NAME] = dict(ProblemSchema.SCHEMA)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            operation.setdefault("security", [])
