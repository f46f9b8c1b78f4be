"""`/api/preview`: how a page would show a post that is not written yet."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from skytier_app import markdown
from skytier_app.auth import SECURITY, SignedIn
from skytier_app.openapi import problems
from skytier_app.representation import json_response
from skytier_app.strict_route import StrictRoute
from skytier_app.text import Content

router = APIRouter(prefix="/api/preview", tags=["posts"], route_class=StrictRoute)


class Draft(BaseModel):
    """The content of a post."""

    model_config = ConfigDict(extra="forbid")

    content: Content


class Preview(BaseModel):
    """The content as HTML in which nothing runs."""

    html: str


@router.post(
    "",
    response_model=Preview,
    dependencies=SECURITY,
    responses=problems(400, 401, 403, 413, 415, 422),
)
async def preview(account: SignedIn, body: Draft) -> Response:
    """Render content, which is Markdown. Nothing is stored."""
    return json_response({"html": markdown.to_html(body.content)})
