"""A server of the standard library that answers while a test asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread
from typing import TypeVar

Server = TypeVar("Server", bound=BaseServer)

LOOKS_EVERY_S = 0.01
"""How soon it notices that it is to end."""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve in a thread for the time of a block, however that ends.

    A server whose socket is closed under it would look at it again and again, for ever.
    """
    with server:
        thread = Thread(target=server.serve_forever, args=[LOOKS_EVERY_S], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
