"""The state that `/health` and the status page show."""

import asyncio
import time
from typing import Any

from skytier_app import __version__
from skytier_app.health.probe import Answer, HealthProbe

TIMEOUT_S = 1.0
_began = time.monotonic()


def uptime_s() -> float:
    """Seconds since this worker started."""
    return round(time.monotonic() - _began, 3)


async def report(probes: HealthProbe) -> dict[str, Any]:
    """The document that `Health` describes, within TIMEOUT_S seconds."""
    if probes.cache is not None:
        database, cache = await asyncio.gather(
            probes.database.answer(TIMEOUT_S), probes.cache.answer(TIMEOUT_S)
        )
    else:
        database = cache = await probes.database.answer(TIMEOUT_S)
    status = _status(database, cache)
    return {
        "status": status,
        "since": probes.since(status),
        "version": __version__,
        "uptime_s": uptime_s(),
        "database": {
            "reachable": database.reachable,
            "latency_ms": database.latency_ms,
            "schema_revision": database.said,
        },
        "cache": {
            "backend": "redis" if probes.cache is not None else "postgresql",
            "reachable": cache.reachable,
            "latency_ms": cache.latency_ms,
        },
    }


async def watch(probes: HealthProbe) -> None:
    """Probe, so that a change of the status is seen when it happens."""
    await report(probes)


def _status(database: Answer, cache: Answer) -> str:
    if not database.reachable or database.said is None:
        return "unavailable"
    return "ok" if cache.reachable else "degraded"
