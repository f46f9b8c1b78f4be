"""`/api/users/{user_id}/events`: the security log of your account."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from skytier_app.auth import SECURITY
from skytier_app.openapi import LINK, problems
from skytier_app.pagination import PageQuery, next_link
from skytier_app.representation import json_response
from skytier_app.security_log.events import Kind, list_events
from skytier_app.services import DatabaseDep
from skytier_app.strict_route import StrictRoute
from skytier_app.users.oneself import Oneself

router = APIRouter(
    prefix="/api/users/{user_id}/events",
    tags=["users"],
    dependencies=SECURITY,
    route_class=StrictRoute,
)


class Event(BaseModel):
    """Something that happened to an account."""

    id: int
    kind: Kind
    created_at: datetime
    address: str | None
    user_agent: str | None
    subject: str | None = Field(
        description="What it happened to: a token's name, a new username, a post's path."
    )
    actor: str | None = Field(
        description="The administrator who did it; null when it was the user."
    )


@router.get("", response_model=list[Event], responses=problems(401, 403, 404, 422) | LINK)
async def list_security_events(
    request: Request, database: DatabaseDep, me: Oneself, query: Annotated[PageQuery, Query()]
) -> Response:
    """What happened to your account, newest first. The `Link` header names the next page."""
    rows = await list_events(database, me.id, query.limit + 1, query.position())
    headers = next_link(request.scope["path"], rows, query) | {"Cache-Control": "no-store"}
    return json_response(rows[: query.limit], headers=headers)
