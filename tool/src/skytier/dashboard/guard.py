"""Who may ask: only whoever was given the token, and only by this machine's own names."""

import json
import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STRANGER = (
    "The address of this page lacks the token that skytier dashboard printed.",
    "Open the address that skytier dashboard printed last, with all that follows the #.",
)


class Guard:
    """Refuses other users of this machine and other sites in the same browser.

    The page itself holds nothing. What it asks for under /api/ needs the token, which its address
    carries behind the # and which the page keeps for its tab: no cookie, which the browser would
    send to every port of this machine. The Host check turns away a foreign name that was made to
    lead here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Sequence[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = set(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if headers.get("host") not in self._hosts:
            await _refuse(
                send_with_headers, 421, "This page is not served under that host name.", None
            )
        elif scope["path"].startswith("/api/") and not self._knows(headers):
            await _refuse(send_with_headers, 401, *_STRANGER)
        else:
            await self._app(scope, receive, send_with_headers)

    def _knows(self, headers: Headers) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), self._token)


async def _refuse(send: Send, status: int, what: str, do: str | None) -> None:
    body = json.dumps({"what": what, "do": do}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
