"""`/health`: readiness, and `/health/live`: liveness."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from skytier_app import __version__
from skytier_app.health.report import report, uptime_s
from skytier_app.middleware.hot_routes import HotRoute
from skytier_app.openapi import problems
from skytier_app.representation import json_response
from skytier_app.services import ServicesDep

router = APIRouter(tags=["health"])


class DatabaseHealth(BaseModel):
    """Whether PostgreSQL answers, and with which schema."""

    reachable: bool
    latency_ms: float | None
    schema_revision: str | None = Field(description="The newest migration; null without a schema.")


class CacheHealth(BaseModel):
    """Where sessions live, and whether that place answers."""

    backend: Literal["redis", "postgresql"]
    reachable: bool
    latency_ms: float | None


class Health(BaseModel):
    """`ok`; `degraded` when only the cache is away; `unavailable` without a usable database."""

    status: Literal["ok", "degraded", "unavailable"]
    since: datetime = Field(description="Since when the worker that answered has seen this status.")
    version: str
    uptime_s: float
    database: DatabaseHealth
    cache: CacheHealth


class Live(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"]
    version: str
    uptime_s: float


@router.get("/health", response_model=Health, responses={**problems(), 503: {"model": Health}})
async def health(services: ServicesDep) -> Response:
    """Whether the application can work: 503 when the database does not answer within 1 s."""
    content = await report(services.health)
    code = 503 if content["status"] == "unavailable" else 200
    return json_response(content, code, {"Cache-Control": "no-store"})


# Monitors and balancers ask every machine often.
HOT = HotRoute("GET", "/health", lambda _, services: health(services))


@router.get("/health/live", response_model=Live, responses=problems())
async def live() -> Response:
    """Whether the process answers. Asks nothing of the database."""
    content = {"status": "ok", "version": __version__, "uptime_s": uptime_s()}
    return json_response(content, headers={"Cache-Control": "no-store"})
