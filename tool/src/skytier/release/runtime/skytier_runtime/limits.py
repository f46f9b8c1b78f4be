"""How long a client may keep a connection to Uvicorn with what it has not finished.

The sample application and the runtime of other ones have the same file, since neither can import
from the other.
"""

import asyncio
import socket
from typing import Any

HEAD_S = 15
"""How long the head of a request may take, from the connection's or its own first byte."""
LOOK_S = 1
"""How often a body that is on its way is looked at."""


class Limits(asyncio.Protocol):
    """The times of a connection, and its end. A protocol of Uvicorn's comes after it.

    What comes by a unix socket comes from Nginx, since only Nginx can connect to it.
    """

    # Uvicorn's.
    loop: Any
    transport: Any
    client: Any
    cycle: Any
    pipeline: Any = ()

    _by_nginx = False
    _deadline: asyncio.TimerHandle | None = None
    _deadline_for = ""
    _since = 0.0
    _stage = ""  # "head" and "body" while one is on its way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._by_nginx = transport.get_extra_info("socket").family == socket.AF_UNIX
        if self.client is None and not self._by_nginx:
            self.transport.abort()  # gone already, so its address is not known
        self._expect("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._expect("")
        super().connection_lost(exc)

    def _expect(self, what: str) -> None:
        """Begin the time that is allowed for a head or a body; none for nothing."""
        if what == self._deadline_for:
            return
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        self._deadline_for = what
        if what:
            self._since = self.loop.time()
            time_s = HEAD_S if what == "head" else LOOK_S
            self._deadline = self.loop.call_later(time_s, self._too_late)

    def _too_late(self) -> None:
        """The time is over; that of a body comes in pieces."""
        self._deadline = None
        if self._stage == "head":
            self._refuse(408, "The request did not arrive in time.")
        elif self._stage == "body":
            self._look_at_body()
            if not self.transport.is_closing():
                self._deadline = self.loop.call_later(LOOK_S, self._too_late)
        else:  # nothing was begun
            self.transport.close()

    def _look_at_body(self) -> None:
        """Decide every LOOK_S whether a body may take longer."""
        raise NotImplementedError

    def _is_next(self) -> bool:
        """Whether the next answer is that to the request whose body is on its way."""
        return self._stage == "body" and not self.cycle.response_started and not self.pipeline

    def _refuse(self, status: int, detail: str) -> None:
        """Answer for the application, in its place in the order of answers, and hang up."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not self._is_next():
                cycle.keep_alive = False  # another answer is due first, and will be the last
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(self._answer(status, detail))
        self.transport.close()

    def _answer(self, status: int, detail: str) -> bytes:
        """A whole answer that refuses a request. `detail` is a sentence for who sent it."""
        raise NotImplementedError
