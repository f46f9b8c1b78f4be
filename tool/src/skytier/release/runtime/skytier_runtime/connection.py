"""What a connection to an operator's own application may take, whatever parses its requests."""

import json
import secrets
from http import HTTPStatus
from typing import Any

from skytier_runtime import limits

BODY_S = 60
"""How long a body may come more slowly than LEAST_BYTES_A_SECOND."""
SILENCE_S = 15
"""How long a body may pause."""
LEAST_BYTES_A_SECOND = 1024
"""A body that comes faster may take as long as it is long."""


class OwnLimits(limits.Limits):
    """Ends a body that drips. The application learns it as the end of the connection."""

    logger: Any
    flow: Any
    server_state: Any

    _arrived_bytes = 0
    _timed: Any = None
    _left_s = 0.0
    _silent_s = 0.0

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._arrived_bytes += len(data)
        super().data_received(data)

    def _look_at_body(self) -> None:
        """End a body that is too slow, without the time in which it waits for the application."""
        arrived, self._arrived_bytes = self._arrived_bytes, 0
        if self.cycle is not self._timed:  # what arrived were other requests, too
            self._timed, self._left_s, self._silent_s = self.cycle, BODY_S, 0
        else:
            # No more than at first: who was fast for an hour may not be slow for the next one.
            self._left_s = min(BODY_S, self._left_s + arrived / LEAST_BYTES_A_SECOND)
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._silent_s = 0
            return
        # Not by the clock: an application that blocks the event loop keeps the body waiting.
        self._left_s -= limits.LOOK_S
        self._silent_s = 0 if arrived else self._silent_s + limits.LOOK_S
        if self._left_s > 0 and self._silent_s < SILENCE_S:
            return
        if self._is_next():
            self._refuse(408, "The body of the request did not arrive in time.")
        else:
            self.transport.abort()

    def _answer(self, status: int, detail: str) -> bytes:
        """A problem document, as the sample application's."""
        request_id = secrets.token_hex(16)
        client = self.client[0] if self.client else "-"
        self.logger.warning("refused: %s %s %s %s", client, status, detail, request_id)
        title = HTTPStatus(status).phrase
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "request_id": request_id,
        }
        body = json.dumps(problem).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        lines = [b"%s: %s\r\n" % header for header in headers]
        return b"".join([b"HTTP/1.1 %d %s\r\n" % (status, title.encode()), *lines, b"\r\n", body])
