"""What the application shows of itself."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import largest, quantile, rate, total

_MACHINE = ("machine",)
_REQUESTS = "skytier_http_requests_total"
_LATENCY = "skytier_http_request_duration_seconds"

CHARTS = (
    Chart("requests_per_s", "Requests", Group.APPLICATION, Unit.PER_S, rate(_REQUESTS)),
    Chart(
        "requests_by_route_per_s",
        "Requests by route",
        Group.APPLICATION,
        Unit.PER_S,
        rate(_REQUESTS, ("route",)),
    ),
    Chart(
        "requests_by_status_per_s",
        "Requests by status",
        Group.APPLICATION,
        Unit.PER_S,
        rate(_REQUESTS, ("status",)),
    ),
    Chart(
        "error_percent",
        "Errors (5xx)",
        Group.APPLICATION,
        Unit.PERCENT,
        # `or` covers the time in which no error was counted yet, and so there is no such counter.
        100 * ((rate(_REQUESTS, (), {"status": "5.."}) | 0 * rate(_REQUESTS)) / rate(_REQUESTS)),
    ),
    Chart(
        "latency_p50_s", "Latency, median", Group.APPLICATION, Unit.SECONDS, quantile(0.5, _LATENCY)
    ),
    Chart(
        "latency_p99_s",
        "Latency, 99 of 100",
        Group.APPLICATION,
        Unit.SECONDS,
        quantile(0.99, _LATENCY),
    ),
    Chart(
        "latency_by_route_p99_s",
        "Latency by route, 99 of 100",
        Group.APPLICATION,
        Unit.SECONDS,
        quantile(0.99, _LATENCY, ("route",)),
    ),
    Chart(
        "requests_in_progress",
        "Requests in hand",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_http_requests_in_progress", _MACHINE),
    ),
    Chart(
        "pool_connections",
        "Pooled connections",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_database_connections", ("state",)),
    ),
    Chart(
        "pool_waiting",
        "Waiting for a connection",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_database_waiting"),
    ),
    Chart(
        "cache_hit_percent",
        "Found in caches",
        Group.APPLICATION,
        Unit.PERCENT,
        100
        * (
            rate("skytier_cache_requests_total", ("cache",), {"result": "hit"})
            / rate("skytier_cache_requests_total", ("cache",))
        ),
    ),
    Chart(
        "sign_ins_per_s",
        "Sign-ins by result",
        Group.APPLICATION,
        Unit.PER_S,
        rate("skytier_sign_ins_total", ("result",)),
    ),
)

BUILD = Chart(
    "build",
    "The release that runs",
    Group.APPLICATION,
    Unit.COUNT,
    largest("skytier_build_info", ("version", "release")),
)
"""Not to be drawn: which release runs."""

READS = Chart(
    "requests_read_percent",
    "Requests that read",
    Group.APPLICATION,
    Unit.PERCENT,
    100 * (rate(_REQUESTS, (), {"method": "GET|HEAD"}) / rate(_REQUESTS)),
)
"""How many requests read, which advice goes by."""

CACHE_MISSES = Chart(
    "requests_past_cache_percent",
    "Requests that no cache answered",
    Group.APPLICATION,
    Unit.PERCENT,
    100 * (rate(_REQUESTS) / rate("nginx_http_requests_total")),
)
"""How many requests Nginx did not answer from its cache, which advice goes by."""
