"""Serves an ASGI application by Uvicorn: `python -m skytier_runtime.asgi`."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from skytier_runtime import interface, listening, metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

GRACE_S = 30
"""How long requests may take to finish after SIGTERM. systemd waits longer."""
LINGER_S = 1.0
"""How long connections that look idle stay open after SIGTERM."""
_shutdown = uvicorn.Server.shutdown


async def _linger(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
    """Accept nothing more, and answer what is on its way, before Uvicorn closes connections.

    Nginx may be sending a request on a connection that looks idle here, or that was accepted a
    moment ago. A POST that meets its end would be answered with 502.
    """
    for each in server.servers:
        each.close()
    if server.server_state.connections:
        server.server_state.default_headers.append((b"connection", b"close"))
        await asyncio.sleep(LINGER_S)
    await _shutdown(server, sockets)


# Uvicorn makes the servers of its workers itself, so that a class of our own would not be used.
uvicorn.Server.shutdown = _linger  # type: ignore[method-assign]


class Measured:
    """The application, with what Nginx says of its clients, and with metrics."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        metrics.began()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] in ("http", "websocket"):
            # Nobody but Nginx can connect to the unix socket, whose clients have no address.
            if not scope.get("client"):
                _believe(scope)
            if scope["path"] == metrics.PATH and metrics.may_read(scope.get("client")):
                await _metrics(send)
                return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        # Before the application, which may write its own into the scope.
        asked = metrics.route_of(scope["path"], scope.get("client"))

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics.IN_PROGRESS.inc()
        try:
            await self._app(scope, receive, send_on)
        finally:
            metrics.IN_PROGRESS.dec()
            seconds = time.perf_counter() - began
            route = asked or getattr(scope.get("route"), "path", None) or "all"
            metrics.answered(scope["method"], route, status, seconds)


def _believe(scope: Scope) -> None:
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            scope["client"] = (value.decode("latin-1"), 0)
        elif name == b"x-forwarded-proto" and value == b"https":
            scope["scheme"] = {"http": "https", "ws": "wss"}[scope["scheme"]]


async def _metrics(send: Send) -> None:
    headers = [(b"content-type", metrics.CONTENT_TYPE.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": metrics.text()})


def application() -> Measured:
    """What each worker serves."""
    return Measured(interface.application())


def connection() -> str:
    """The class of connections, by the parser that Uvicorn would take."""
    try:
        import httptools  # noqa: F401
    except ImportError:
        return "skytier_runtime.by_h11:Connection"
    return "skytier_runtime.by_httptools:Connection"


def main() -> None:
    """Serve until SIGTERM."""
    workers = int(os.environ["WEB_CONCURRENCY"])
    config = uvicorn.Config(
        "skytier_runtime.asgi:application",
        factory=True,
        http=connection(),
        workers=workers,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Longer than Nginx keeps its idle connections, so that Nginx closes them.
        timeout_keep_alive=75,
        # Without it Uvicorn waits for ever for the ends of streams and WebSockets.
        timeout_graceful_shutdown=GRACE_S,
    )
    sockets = listening.from_systemd()
    if workers > 1:
        Multiprocess(config, sockets=sockets).run()
    else:
        uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main()
