"""`/api/stats`: counts, and the state of the machine."""

from datetime import date, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from skytier_app.openapi import problems
from skytier_app.representation import json_response
from skytier_app.services import ServicesDep

router = APIRouter(prefix="/api/stats", tags=["stats"])


class PostsOfDay(BaseModel):
    """How many posts were written on a day (UTC)."""

    day: date
    posts: int


class Pool(BaseModel):
    """Database connections of the worker that answered."""

    open: int
    idle: int
    max: int


class Cpu(BaseModel):
    """The machine's processors."""

    count: int
    percent: float
    load_1m: float


class Space(BaseModel):
    """Memory or disk."""

    total_bytes: int
    used_bytes: int
    percent: float


class Network(BaseModel):
    """All interfaces together."""

    received_bytes_per_s: float
    sent_bytes_per_s: float


class Machine(BaseModel):
    """The newest sample of the machine that answered."""

    sampled_at: datetime
    cpu: Cpu
    memory: Space
    disk: Space
    network: Network


class Stats(BaseModel):
    """Counts, of large tables kept for a while; the machine as sampled a few seconds ago."""

    users: int
    posts: int
    posts_per_day: list[PostsOfDay] = Field(description="The last 30 days in UTC, oldest first.")
    pool: Pool
    machine: Machine | None = Field(description="null in the first moments after a start.")


@router.get("", response_model=Stats, responses=problems())
async def stats(request: Request, services: ServicesDep) -> Response:
    """Counts, posts a day, the pool's state, and the machine's CPU, memory, disk and network."""
    figures = services.reads(request).figures
    counts = await figures.counts()
    content = {
        **counts,
        "posts_per_day": await figures.posts_per_day(),
        "pool": services.database.pool_state(),
        "machine": services.machine.newest,
    }
    return json_response(content, headers={"Cache-Control": "no-store"})
