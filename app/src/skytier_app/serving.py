"""A connection to Uvicorn: with Nginx's limits, also where there is no Nginx.

A client gets a problem document for every error, and keeps a connection only while it uses it.
"""

import asyncio
import logging
import secrets
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from skytier_app import lingering
from skytier_app.bounded import Bounded
from skytier_app.logs import request_id
from skytier_app.middleware.security_headers import add_security_headers
from skytier_app.one_write import OneWrite
from skytier_app.problems import Problem

BODY_S = 65
"""How long the rest may take. `body_limit` answers before; this is for a body that is not read."""

_log = logging.getLogger("skytier_app.connections")
# Each worker imports this module.
lingering.install()


class Connection(Bounded):
    """Uvicorn's own, within limits. `X-Forwarded-*` is trusted where it comes from Nginx."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        joined = OneWrite(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, joined))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._by_nginx:
            self._believe()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The client takes less than there is for it."""
        super().pause_writing()
        cast(OneWrite, self.transport).abort_when_stuck()

    def _believe(self) -> None:
        """Take the client's address and scheme from what Nginx says."""
        for name, value in self.headers:
            if name == b"x-forwarded-for":
                self.scope["client"] = (value.decode("latin-1"), 0)
            elif name == b"x-forwarded-proto" and value == b"https":
                self.scope["scheme"] = "https"

    def _look_at_body(self) -> None:
        """Give the application an empty part, by which it sees how late the body is."""
        if self.loop.time() < self._since + BODY_S:
            self.cycle.message_event.set()
        else:
            self.transport.abort()

    def _answer(self, status: int, detail: str) -> bytes:
        token = request_id.set(secrets.token_hex(16))
        try:
            client = self.client[0] if self.client else None
            _log.warning("refused: %s", detail, extra={"status": status, "client": client})
            return _as_bytes(Problem(status, detail), self.server_state.default_headers)
        finally:
            request_id.reset(token)


def _as_bytes(problem: Problem, more: list[tuple[bytes, bytes]]) -> bytes:
    answer = problem.response()
    headers = [*more, *answer.raw_headers, (b"x-request-id", request_id.get().encode())]
    add_security_headers(headers, "http")
    headers.append((b"connection", b"close"))
    lines = [b"%s: %s\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", bytes(answer.body)])
