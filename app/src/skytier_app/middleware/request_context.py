"""What every request gets: an id, security headers, a line in the log and a count, HEAD wherever
there is GET, the guard against pages of other sites, and an answer even when the code fails."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skytier_app.logs import request_id
from skytier_app.middleware.body_limit import in_time
from skytier_app.middleware.cross_site import REFUSAL, is_from_another_site
from skytier_app.middleware.request_log import RequestLog
from skytier_app.middleware.security_headers import add_security_headers
from skytier_app.problems import FAULT

_log = logging.getLogger("skytier_app.requests")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
"""Nothing here waits for theirs."""
_is_id = re.compile(rb"[A-Za-z0-9-]{8,64}").fullmatch


class RequestContext:
    """The outermost middleware. One for all of it: each layer costs every request a little."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._requests = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        self._requests.began()
        current = _given_id(scope) or secrets.token_hex(16)
        token = request_id.set(current)
        # The server knows that it was HEAD, and leaves the body out.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        if scope["method"] not in _WITHOUT_BODY:
            receive = in_time(receive)
        status = 0
        is_complete = False

        async def send_on(message: Message) -> None:
            nonlocal status, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
                add_security_headers(message["headers"], scope["scheme"])
                message["headers"].append((b"x-request-id", current.encode()))
            elif not message.get("more_body"):
                is_complete = True
            await send(message)

        try:
            if is_from_another_site(inner):
                await REFUSAL.response()(scope, receive, send_on)
            else:
                await self._app(inner, receive, send_on)
        except Exception:
            _log.exception("the request failed")
            if status and not is_complete:
                raise  # half an answer is out: only an aborted connection tells the client
            if not status:
                await FAULT.response()(scope, receive, send_on)
        finally:
            scope.setdefault("route", inner.get("route"))
            self._requests.ended(current, scope, status, began)
            request_id.reset(token)


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _is_id(value) else None
    return None
