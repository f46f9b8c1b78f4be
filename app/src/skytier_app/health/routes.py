"""`/health`: liveness and readiness as one honest answer."""

import asyncio
import time
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from skytier_app import __version__
from skytier_app.health.probe import Answer
from skytier_app.representation import json_response
from skytier_app.services import ServicesDep

TIMEOUT_S = 1.0
_started = time.monotonic()

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
    version: str
    uptime_s: float
    database: DatabaseHealth
    cache: CacheHealth


class Live(BaseModel):
    """The process answers; nothing else was asked."""

    status: Literal["ok"]
    version: str
    uptime_s: float


def _uptime_s() -> float:
    return round(time.monotonic() - _started, 3)


@router.get("/health", response_model=Health, responses={503: {"model": Health}})
async def health(services: ServicesDep) -> Response:
    """Whether the application can do its work: 503 when the database is not there within 1 s."""
    probes = services.health
    if probes.cache is not None:
        database, cache = await asyncio.gather(
            probes.database.answer(TIMEOUT_S), probes.cache.answer(TIMEOUT_S)
        )
        backend = "redis"
    else:
        database = cache = await probes.database.answer(TIMEOUT_S)
        backend = "postgresql"
    status = _status(database, cache)
    content = {
        "status": status,
        "version": __version__,
        "uptime_s": _uptime_s(),
        "database": {
            "reachable": database.reachable,
            "latency_ms": database.latency_ms,
            "schema_revision": database.said,
        },
        "cache": {
            "backend": backend,
            "reachable": cache.reachable,
            "latency_ms": cache.latency_ms,
        },
    }
    code = 503 if status == "unavailable" else 200
    return json_response(content, code, {"Cache-Control": "no-store"})


def _status(database: Answer, cache: Answer) -> str:
    if not database.reachable or database.said is None:
        return "unavailable"
    return "ok" if cache.reachable else "degraded"


@router.get("/health/live", response_model=Live)
async def live() -> Response:
    """Whether the process answers. Asks nothing of the database."""
    content = {"status": "ok", "version": __version__, "uptime_s": _uptime_s()}
    return json_response(content, headers={"Cache-Control": "no-store"})
