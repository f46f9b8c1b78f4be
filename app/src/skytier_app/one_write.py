"""A transport that joins all writes of one turn of the event loop."""

import asyncio
from typing import Any

SEND_S = 15
"""A client that takes nothing for this long is given up, as by Nginx (send_timeout)."""
_MOST_BYTES = 65536


class OneWrite:
    """An answer's head and its body are two writes of Uvicorn's, and one system call here."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._given_bytes = 0
        self._is_watched = False

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._write)
        self._held.append(data)
        if len(data) > _MOST_BYTES:
            self._write()

    def _write(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._given_bytes += sum(map(len, held))
            self._transport.writelines(held)

    def close(self) -> None:
        """Close when all is written, or when the client takes no more of it."""
        self._write()
        self._transport.close()
        self.abort_when_stuck()

    def abort_when_stuck(self) -> None:
        """Look every SEND_S, while something waits for the client, whether it takes some of it."""
        if not self._is_watched:
            self._look(taken_before=-1)

    def _look(self, taken_before: int) -> None:
        waiting = self._transport.get_write_buffer_size()
        taken = self._given_bytes - waiting
        self._is_watched = waiting > 0 and taken > taken_before
        if self._is_watched:
            self._loop.call_later(SEND_S, self._look, taken)
        elif waiting:
            self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
