"""How Uvicorn talks to a connection."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_BYTES = 65536


class OneWriteProtocol(HttpToolsProtocol):
    """Uvicorn's own, which writes an answer's head and its body by one system call, not by two."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        joined = _OneWrite(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, joined))


class _OneWrite:
    """A transport that writes together what one turn of the event loop has to write."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._write)
        self._held.append(data)
        if len(data) > _MOST_BYTES:
            self._write()

    def _write(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)

    def close(self) -> None:
        self._write()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
