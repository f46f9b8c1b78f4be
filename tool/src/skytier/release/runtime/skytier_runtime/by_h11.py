"""A connection where a project brings Uvicorn without httptools.

h11 itself takes no head above 64 KiB, and parses one request at a time.
"""

import sys

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from skytier_runtime.connection import OwnLimits


class Connection(OwnLimits, H11Protocol):
    """Uvicorn's, within the limits of the sample application."""

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        self._go_on(has_begun=True)

    def on_response_complete(self) -> None:
        """An answer is whole; what was sent ahead is parsed."""
        super().on_response_complete()
        # A connection that is only kept open has Uvicorn's time, which is longer.
        self._go_on(has_begun=bool(self.conn.trailing_data[0]))

    def send_400_response(self, msg: str) -> None:
        """Refuse what h11 does not take. Called where its error is handled."""
        cycle = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()  # the rest of the body will not come
        elif getattr(sys.exc_info()[1], "error_status_hint", 400) == 431:
            self._refuse(431, "The request has too many headers, or they are too large.")
        else:
            self._refuse(400, "The request is not valid HTTP.")

    def _is_next(self) -> bool:
        return not self.cycle.response_started

    def _go_on(self, *, has_begun: bool) -> None:
        """Begin the time of what is expected now."""
        self._stage = ""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._expect("")
        elif self.conn.their_state is h11.SEND_BODY:
            self._stage = "body"
            self._expect("body")
        elif self.conn.their_state is h11.IDLE and has_begun:
            self._stage = "head" if self.conn.trailing_data[0] else ""
            self._expect("head")
        else:
            self._expect("")
