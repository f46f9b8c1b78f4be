"""All waiting connections are accepted at once, by TCP and by a unix socket."""

import asyncio
import socket
from pathlib import Path
from typing import cast

import pytest

from skytier_app.event_loop import EventLoop

VISITORS, TURNS = 40, 8


class Greeting(asyncio.Protocol):
    """Says hello to each."""

    def __init__(self, seen: list[asyncio.BaseTransport]) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._seen.append(transport)
        cast(asyncio.Transport, transport).write(b"hello")


def visitor(address: str | tuple[str, int]) -> socket.socket:
    found = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    found.settimeout(120)
    found.connect(address)
    return found


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.mark.parametrize("by", ["tcp", "unix"])
def test_all_who_wait_are_taken_in_within_a_few_turns(by: str, short_dir: Path) -> None:
    async def run() -> None:
        seen: list[asyncio.BaseTransport] = []

        def factory() -> Greeting:
            return Greeting(seen)

        loop = asyncio.get_running_loop()
        if by == "tcp":
            server = await loop.create_server(factory, "127.0.0.1", 0, backlog=VISITORS)
        else:
            path = str(short_dir / "event-loop")
            server = await loop.create_unix_server(factory, path, backlog=VISITORS)
        visitors = [visitor(server.sockets[0].getsockname()) for _ in range(VISITORS)]

        await turns()

        assert len(seen) == VISITORS
        assert [one.recv(5) for one in visitors] == [b"hello"] * VISITORS
        server.close()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(run())


def test_a_server_that_has_closed_takes_in_nobody() -> None:
    async def run() -> None:
        seen: list[asyncio.BaseTransport] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Greeting(seen), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        visitor(address)  # by the descriptor that is looked at with the next one who comes
        await turns()

        with pytest.raises(ConnectionRefusedError):
            visitor(address)
        assert seen == []

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(run())
