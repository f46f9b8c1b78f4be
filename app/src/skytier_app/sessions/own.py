"""`/api/users/{user_id}/sessions`: your own sessions, each of which can be ended."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from skytier_app.auth import SECURITY, session_tokens
from skytier_app.clients import Client
from skytier_app.openapi import problems
from skytier_app.problems import Problem
from skytier_app.representation import json_response
from skytier_app.security_log.events import Kind, record
from skytier_app.services import ServicesDep
from skytier_app.sessions.store import session_id as id_of_token
from skytier_app.strict_route import StrictRoute
from skytier_app.text import SESSION_ID_PATTERN
from skytier_app.users.oneself import Oneself

router = APIRouter(
    prefix="/api/users/{user_id}/sessions",
    tags=["sessions"],
    dependencies=SECURITY,
    route_class=StrictRoute,
)

SessionId = Annotated[str, Path(pattern=SESSION_ID_PATTERN)]


class OwnSession(BaseModel):
    """A session of your account."""

    id: str
    created_at: datetime
    expires_at: datetime
    address: str | None = Field(description="The address from which it was begun.")
    user_agent: str | None
    is_this: bool = Field(description="Whether this request belongs to it.")


@router.get("", response_model=list[OwnSession], responses=problems(401, 403, 404, 422))
async def list_sessions(request: Request, services: ServicesDep, me: Oneself) -> Response:
    """Your sessions, newest first."""
    this = {id_of_token(token) for token in session_tokens(request)[:1]}
    rows = [
        {
            "id": session.id,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
            **asdict(session.client),
            "is_this": session.id in this,
        }
        for session in await services.sessions.of_user(me.id)
    ]
    return json_response(rows, headers={"Cache-Control": "no-store"})


@router.delete("/{session_id}", status_code=204, responses=problems(401, 403, 404, 422))
async def end_session(
    request: Request, services: ServicesDep, me: Oneself, session_id: SessionId
) -> Response:
    """End one of your sessions: its cookie is no longer valid."""
    if not await services.sessions.end_one(me.id, session_id):
        raise Problem(404, "You have no such session.")
    await record(services.database, me.id, Kind.SESSION_ENDED, Client.of(request))
    return Response(status_code=204)
