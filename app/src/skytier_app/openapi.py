"""The OpenAPI document: what the routes answer besides what was asked for."""

from typing import Any

from fastapi import FastAPI

from skytier_app.problems import MEDIA_TYPE, ProblemSchema

_MEANINGS = {
    400: "The body is no JSON.",
    401: "Not signed in, or the API token is not valid.",
    403: "Not allowed, or a page of another site sent it.",
    404: "There is no such thing.",
    409: "Taken already.",
    412: "It was changed since it was read.",
    413: "The body is larger than 1 MiB.",
    422: "The request does not have the right form.",
    429: "Too many attempts. `Retry-After` says when to try again.",
    503: "The database or the session store is away. Try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these problem documents, and the 503 that any route may give."""
    schema = {"$ref": f"#/components/schemas/{ProblemSchema.NAME}"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in (*statuses, 503)
    }


def install(app: FastAPI) -> None:
    """Replace FastAPI's own form of errors in the document by the one that is answered."""
    make = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = make()
            schemas = made["components"]["schemas"]
            schemas[ProblemSchema.NAME] = dict(ProblemSchema.SCHEMA)
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        assert app.openapi_schema is not None  # noqa: S101  # made above
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
