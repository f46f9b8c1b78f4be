"""What is measured of every application: how many requests, and how long they take.

The names are those of the sample application, so that charts and alerts are the same for all.
"""

import ipaddress
import json
import os
from urllib.parse import unquote

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from skytier_runtime.workers import Workers

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUESTS = Counter("skytier_http_requests", "Requests answered.", ["method", "route", "status"])
_DURATION = Histogram(
    "skytier_http_request_duration_seconds",
    "From request to answer.",
    ["method", "route"],
    buckets=(
        *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
        *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    ),
)
IN_PROGRESS = Gauge(
    "skytier_http_requests_in_progress", "Requests in hand.", multiprocess_mode="livesum"
)
_BUILD = Gauge(
    "skytier_build_info",
    "1, for the release that runs.",
    ["version", "release"],
    multiprocess_mode="livemax",
)
_HEALTH = unquote(os.environ.get("SKYTIER_HEALTH", ""))
_FROM = [
    ipaddress.ip_network(each) for each in json.loads(os.environ.get("SKYTIER_METRICS_FROM", "[]"))
]


def began() -> None:
    """A worker serves the release."""
    release = os.environ["SKYTIER_RELEASE"]
    _BUILD.labels(release.rpartition("-")[0], release).set(1)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. `route` has few values: a template or a kind, not a path."""
    method = method if method in _METHODS else "OTHER"
    _REQUESTS.labels(method, route, status).inc()
    _DURATION.labels(method, route).observe(seconds)


def route_of(path: str, client: tuple[str, int] | None) -> str | None:
    """The route of who asks whether all is well; None for a visitor.

    A visitor's page may be at /. A balancer's question there comes through Nginx, which names the
    address of every visitor, and none for that question.
    """
    return "/health" if path == _HEALTH and (path != "/" or client is None) else None


def may_read(client: tuple[str, int] | None) -> bool:
    """Whether a client may read the metrics: the monitor.

    Without an address it asks through Nginx, which names the address of every visitor.
    """
    if client is None:
        return True
    try:
        return any(ipaddress.ip_address(client[0]) in network for network in _FROM)
    except ValueError:
        return False


def text() -> bytes:
    """The metrics of all workers."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is None:
        return generate_latest()
    registry = CollectorRegistry()
    Workers(registry, directory)
    return generate_latest(registry)
