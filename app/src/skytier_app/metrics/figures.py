"""The application's own metrics. A label has few values: a route's template, not a path."""

from prometheus_client import Counter, Gauge, Histogram

from skytier_app import __version__
from skytier_app.database import Database

REQUESTS = Counter("skytier_http_requests", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "skytier_http_request_duration_seconds",
    "From request to answer.",
    ["method", "route"],
    # Most answers take a millisecond or two; 10 s is when the database gives a statement up.
    buckets=(
        *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
        *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
)
IN_PROGRESS = Gauge(
    "skytier_http_requests_in_progress", "Requests in hand.", multiprocess_mode="livesum"
)
CACHE = Counter("skytier_cache_requests", "Looked up: hit or miss.", ["cache", "result"])
SIGN_INS = Counter("skytier_sign_ins", "Attempts to sign in: ok or failed.", ["result"])
READS = Counter(
    "skytier_strangers_reads",
    "Statements for visitors who are not signed in, where there is a replica: what answered.",
    ["source"],
)
_POOL = Gauge(
    "skytier_database_connections",
    "Connections of the pools: in_use, idle, and the most there may be.",
    ["state"],
    multiprocess_mode="livesum",
)
_WAITING = Gauge(
    "skytier_database_waiting",
    "Requests that wait for a connection of the pool.",
    multiprocess_mode="livesum",
)
# The greatest of all workers is 1, as it is of one.
_BUILD = Gauge(
    "skytier_build_info",
    "1, for the release that runs.",
    ["version", "release"],
    multiprocess_mode="livemax",
)


def record_build(release: str) -> None:
    """Record the version and the release; `release` may be empty."""
    for result in ("ok", "failed"):  # from the start, so that the first sign-in is a change
        SIGN_INS.labels(result)
    _BUILD.labels(__version__, release).set(1)


async def record_pool(database: Database) -> None:
    """Record the state of this worker's pool."""
    state = database.pool_state()
    _POOL.labels("in_use").set(state["open"] - state["idle"])
    _POOL.labels("idle").set(state["idle"])
    _POOL.labels("max").set(state["max"])
    _WAITING.set(database.waiting)


def looked_up(cache: str, found: bool) -> None:
    """Count a lookup in a cache."""
    CACHE.labels(cache, "hit" if found else "miss").inc()
