"""What is noted of each request: its line in the log, and the metrics."""

import asyncio
import logging
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from json import dumps

import prometheus_client
from starlette.types import Scope

from skytier_app.metrics.figures import DURATION, IN_PROGRESS, REQUESTS

_log = logging.getLogger("skytier_app.requests")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_Entry = tuple[str, Scope, int, float, float]


class RequestLog:
    """Notes requests, and writes down what one turn of the event loop has noted.

    A write of its own for each line, and one to the shared memory of the metrics for each count,
    would cost as much as answering the request.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._in_hand = 0
        self._noted: list[_Entry] = []
        self._will_write = False

    def began(self) -> None:
        """Note a request that came."""
        self._in_hand += 1
        self._write_soon()

    def ended(self, request_id: str, scope: Scope, status: int, began: float) -> None:
        """Note its answer. `began` is from `time.perf_counter`; a status of 0 was no answer."""
        self._in_hand -= 1
        seconds = time.perf_counter() - began
        self._noted.append((request_id, scope, status, seconds, time.time()))
        self._write_soon()

    def _write_soon(self) -> None:
        if not self._will_write:
            self._will_write = True
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._will_write = False
        noted, self._noted = self._noted, []
        IN_PROGRESS.set(self._in_hand)
        answered: Counter[tuple[str, str, int]] = Counter()
        for _, scope, status, seconds, _ in noted:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            # The template, not the path: a label for each post would grow without end.
            route = getattr(scope.get("route"), "path", "unmatched")
            answered[method, route, status] += 1
            _duration(method, route).observe(seconds)
        for labels, number in answered.items():
            _requests(*labels).inc(number)
        if noted and _log.isEnabledFor(logging.INFO):
            sys.stdout.write("".join(_line(entry, self._pid) for entry in noted))
            sys.stdout.flush()


# Looked up for each request, and there are only as many as routes.
@cache
def _requests(method: str, route: str, status: int) -> prometheus_client.Counter:
    return REQUESTS.labels(method, route, status)


@cache
def _duration(method: str, route: str) -> prometheus_client.Histogram:
    return DURATION.labels(method, route)


def _line(entry: _Entry, pid: int) -> str:
    """As `logs.CONFIG` would format it, at a tenth of the cost."""
    request_id, scope, status, seconds, at = entry
    client = scope["client"][0] if scope.get("client") else None
    return (
        f'{{"level": "INFO", "logger": "{_log.name}", "pid": {pid}, "message": "request", '
        f'"request_id": "{request_id}", "method": {dumps(scope["method"])}, '
        f'"path": {dumps(scope["path"])}, "status": {status}, '
        f'"duration_ms": {seconds * 1000:.2f}, "client": {dumps(client)}, '
        f'"timestamp": "{datetime.fromtimestamp(at, UTC).isoformat()}"}}\n'
    )
