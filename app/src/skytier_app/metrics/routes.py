"""`/metrics` in Prometheus' format, for the monitor only."""

import os

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    generate_latest,
)

from skytier_app.client_address import client_address
from skytier_app.metrics.workers import Workers
from skytier_app.problems import Problem
from skytier_app.services import ServicesDep

# Set by `skytier-app serve` before the workers start; prometheus_client reads it when imported.
_SHARED = "PROMETHEUS_MULTIPROC_DIR"

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, services: ServicesDep) -> Response:
    """The sum over all workers. Addresses outside `metrics_from` get 404."""
    networks = services.settings.metrics_from
    # No client means the unix socket: a program on this machine.
    if request.client:
        address = client_address(request)
        if address is None or not any(address in network for network in networks):
            raise Problem(404, "Not Found")
    registry = REGISTRY
    if directory := os.environ.get(_SHARED):
        registry = CollectorRegistry()
        Workers(registry, directory)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
