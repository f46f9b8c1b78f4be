"""Errors as pages, for people; programs get the problem document."""

from fastapi import Request, Response

from skytier_app.logs import request_id
from skytier_app.pages.render import page
from skytier_app.pages.texts import text
from skytier_app.problems import Problem

_FOR_PROGRAMS = ("/api/", "/health", "/metrics", "/openapi.json", "/static/")


async def error_page(request: Request, problem: Problem) -> Response:
    """A page when a person asked for one, else the problem document."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.scope["path"].startswith(_FOR_PROGRAMS):
        return problem.response()
    # To a person, an address that is no number of a post is one where nothing is.
    status = 404 if problem.status == 422 else problem.status
    if status in (403, 404, 503):
        heading = text(f"errors.http_{status}")
    else:
        heading = text("errors.http_5xx" if status >= 500 else "errors.http_4xx")
    services = request.app.state.services
    return await page(
        request,
        services,
        None,
        "error",
        status=status,
        headers=problem.headers,
        heading=heading,
        request_id=request_id.get(),
    )
