"""What every request gets: an id, a log line, a count, and an answer even when the code fails."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skytier_app.logs import request_id
from skytier_app.metrics.figures import DURATION, IN_PROGRESS, REQUESTS
from skytier_app.problems import Problem

_log = logging.getLogger("skytier_app.requests")
_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestContext:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        current = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(current)
        status = 0
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = current
            await send(message)

        try:
            with IN_PROGRESS.track_inprogress():
                try:
                    await self._app(scope, receive, send_with_id)
                except Exception:
                    _log.exception("the request failed")
                    if status:
                        raise  # half an answer is out: only an aborted connection tells the client
                    problem = Problem(500, "Something went wrong here. The log has the request id.")
                    await problem.response()(scope, receive, send_with_id)
        finally:
            self._note(scope, status, time.perf_counter() - began)
            request_id.reset(token)

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        # The template, not the path: a label for each post would grow without end.
        route = getattr(scope.get("route"), "path", "unmatched")
        REQUESTS.labels(method, route, status).inc()
        DURATION.labels(method, route).observe(seconds)
        _log.info(
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration_ms": round(seconds * 1000, 2),
                "client": scope["client"][0] if scope.get("client") else None,
            },
        )
