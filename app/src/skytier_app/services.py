"""What the routes share: opened when a worker starts, closed when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from skytier_app.cache import open_cache
from skytier_app.database import Database, open_database
from skytier_app.health.probe import HealthProbe
from skytier_app.health.report import watch
from skytier_app.housekeeping import every, in_turn, sweep_expired
from skytier_app.pages.skyline import SkylineCache
from skytier_app.posts.backlog import EVERY_S as INDEX_EVERY_S
from skytier_app.posts.backlog import Backlog
from skytier_app.posts.shared import Changes
from skytier_app.rate_limit import HitCounter, HitsElsewhere, LocalHits, PostgresHits, RedisHits
from skytier_app.reads import Reads, is_strangers_read, open_strangers_reads
from skytier_app.sessions.store import Sessions
from skytier_app.settings import Settings
from skytier_app.stats.machine import MachineSampler
from skytier_app.tokens.lookup import Tokens

if TYPE_CHECKING:
    from redis.asyncio import Redis

SWEEP_EVERY_S = 600
SAMPLE_EVERY_S = 5
WATCH_EVERY_S = 10


@dataclass(frozen=True)
class Services:
    """The parts of one worker."""

    settings: Settings
    database: Database
    redis: "Redis | None"
    sessions: Sessions
    tokens: Tokens
    hits: HitCounter
    local_hits: LocalHits
    health: HealthProbe
    machine: MachineSampler
    skyline: SkylineCache
    changes: Changes
    own_reads: Reads
    """From the primary: they have what was written just now."""
    strangers_reads: Reads
    """Perhaps from a replica; the same without one."""

    def reads(self, request: Request) -> Reads:
        """Where a request reads."""
        if self.strangers_reads is self.own_reads or not is_strangers_read(request):
            return self.own_reads
        return self.strangers_reads


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services for the time of the block. Needs neither database nor Redis to begin."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(
                settings.database_url.get_secret_value(),
                pool_size=settings.pool_size,
                pool_wait_s=settings.pool_wait_s,
                statement_timeout_s=settings.statement_timeout_s,
            )
        )
        url = settings.redis_url.get_secret_value() if settings.redis_url else None
        redis = await stack.enter_async_context(open_cache(url))
        lifetime = timedelta(days=settings.session_days)
        sessions = Sessions(database, lifetime, settings.sessions_per_account)
        hits: HitCounter = PostgresHits(database)
        if redis is not None:
            hits = HitsElsewhere(RedisHits(redis), instead=hits)
        machine = MachineSampler()
        await stack.enter_async_context(every(SAMPLE_EVERY_S, machine.sample))
        # One connection for all of them: the pool is for requests.
        turns = asyncio.Lock()
        sweep = partial(sweep_expired, database, settings.security_log_kept)
        await stack.enter_async_context(every(SWEEP_EVERY_S, in_turn(turns, sweep)))
        index = in_turn(turns, Backlog(database).index_some)
        await stack.enter_async_context(every(INDEX_EVERY_S, index))
        own_reads = Reads.of(database)
        strangers_reads = await stack.enter_async_context(
            open_strangers_reads(settings, database, own_reads)
        )
        health = HealthProbe(database, redis)
        # So that a change of the status is seen when it happens, and not at the next request.
        await stack.enter_async_context(every(WATCH_EVERY_S, lambda: watch(health)))
        yield Services(
            settings=settings,
            database=database,
            redis=redis,
            sessions=sessions,
            tokens=Tokens(database),
            hits=hits,
            local_hits=LocalHits(),
            health=health,
            machine=machine,
            skyline=SkylineCache(),
            changes=Changes(database),
            own_reads=own_reads,
            strangers_reads=strangers_reads,
        )


async def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101  # set when the application starts
    return services


async def _database(request: Request) -> Database:
    return (await _services(request)).database


ServicesDep = Annotated[Services, Depends(_services)]
DatabaseDep = Annotated[Database, Depends(_database)]
