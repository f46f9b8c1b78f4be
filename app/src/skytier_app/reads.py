"""Who reads where: strangers from a replica if there is one, all others from the primary."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import Request, Response

from skytier_app.database import Database, Reader, open_database
from skytier_app.housekeeping import every
from skytier_app.posts.shared import Posts
from skytier_app.replicas import (
    ANSWER_S,
    STATEMENT_S,
    Primary,
    ReplicaConnection,
    ReplicaOrPrimary,
)
from skytier_app.settings import Settings
from skytier_app.stats.figures import Figures

WROTE = "skytier_wrote"
"""The cookie of a visitor who has just changed something, and has no session."""


@dataclass(frozen=True)
class Reads:
    """What is read from one place, at once for all who ask there at the same time."""

    database: Reader
    posts: Posts
    figures: Figures

    @classmethod
    def of(cls, database: Reader) -> "Reads":
        """All reads from there."""
        return cls(database, Posts(database), Figures(database))


@asynccontextmanager
async def open_strangers_reads(
    settings: Settings, database: Database, reads: Reads
) -> AsyncIterator[Reads]:
    """Where strangers read, for the time of the block: `reads` itself without a replica."""
    if settings.database_replica_url is None:
        yield reads
        return
    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(
            open_database(
                settings.database_replica_url.get_secret_value(),
                pool_size=settings.pool_size,
                pool_wait_s=ANSWER_S,
                statement_timeout_s=min(STATEMENT_S, settings.statement_timeout_s),
                connection_class=ReplicaConnection,
            )
        )
        primary = Primary(database, settings.replica_lag_s)
        await stack.enter_async_context(every(primary.every_s, primary.look))
        yield Reads.of(ReplicaOrPrimary(replica, database, primary))


def is_strangers_read(request: Request) -> bool:
    """Whether a request shows nothing of who it is from, and changes nothing.

    Nginx may answer the same requests from its cache (`representation.cache_headers`).
    """
    headers = request.headers
    return request.method == "GET" and "cookie" not in headers and "authorization" not in headers


def remember_write(request: Request, response: Response, settings: Settings) -> None:
    """Let a visitor without a session read what they have just changed.

    By a cookie: until the replicas have it, they are not a stranger.
    """
    if settings.database_replica_url is None:
        return
    response.set_cookie(
        WROTE,
        "1",
        max_age=math.ceil(settings.replica_lag_s) + 1,
        httponly=True,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
