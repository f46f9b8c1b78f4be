"""The event loop of a worker: uvloop's, which accepts all waiting connections at once."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any, cast

import uvloop

AT_ONCE = 64
"""How many connections a worker accepts in one turn; the rest is for other workers, or later."""

Factory = Callable[[], asyncio.BaseProtocol]


class EventLoop(uvloop.Loop):
    """uvloop's event loop, whose servers accept all waiting connections, as asyncio's do.

    libuv accepts one connection in each turn. When many visitors come at the same time, the first
    of them make every turn long, and the last one waits for as many turns as there are visitors.
    """

    async def create_server(
        self, protocol_factory: Factory, *args: Any, **options: Any
    ) -> asyncio.Server:
        """As asyncio's, without TLS. `sock` may also be a unix socket."""
        if (given := options.get("sock")) and given.family == socket.AF_UNIX:
            return await self.create_unix_server(protocol_factory, *args, **options)
        server = await super().create_server(protocol_factory, *args, **options)
        return self._accept_all(cast(asyncio.Server, server), protocol_factory)

    async def create_unix_server(
        self, protocol_factory: Factory, *args: Any, **options: Any
    ) -> asyncio.Server:
        """As asyncio's, without TLS."""
        server = await super().create_unix_server(protocol_factory, *args, **options)
        return self._accept_all(cast(asyncio.Server, server), protocol_factory)

    def _accept_all(self, server: asyncio.Server, factory: Factory) -> asyncio.Server:
        for listening in server.sockets:
            _Acceptor(self, server, listening.fileno(), factory)
        return server


class _Acceptor:
    """Accepts the connections that a server has not, by another descriptor of its socket."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        server: asyncio.Server,
        descriptor: int,
        factory: Factory,
    ) -> None:
        self._loop = loop
        self._server = server
        self._factory = factory
        self._listening = socket.socket(fileno=os.dup(descriptor))
        self._listening.setblocking(False)
        self._connecting: set[asyncio.Task[Any]] = set()
        loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        if not self._server.is_serving():  # new connections are for the next process
            self._loop.remove_reader(self._listening)
            self._listening.close()
            return
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listening.accept()
            except OSError:  # none is left, or it has closed
                return
            connecting = self._loop.connect_accepted_socket(self._factory, connection)
            task = self._loop.create_task(connecting)
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
