"""After SIGTERM, connections that look idle stay open for a moment.

Nginx may be sending a request on one of them. A POST that meets its end would be answered with 502.
"""

import asyncio
import socket

import uvicorn

LINGER_S = 1.0
_shutdown = uvicorn.Server.shutdown


async def _linger(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
    """Accept nothing more, and answer what is on its way, before Uvicorn closes connections."""
    for each in server.servers:
        each.close()
    if server.server_state.connections:
        server.server_state.default_headers.append((b"connection", b"close"))
        await asyncio.sleep(LINGER_S)
    await _shutdown(server, sockets)


def install() -> None:
    """Have each server of Uvicorn end so: it makes those of its workers itself."""
    uvicorn.Server.shutdown = _linger  # type: ignore[assignment, method-assign]
