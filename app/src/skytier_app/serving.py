"""A connection to Uvicorn: with Nginx's limits, also where there is no Nginx.

A client gets a problem document for every error, and keeps a connection only while it uses it.
"""

import asyncio
import logging
import re
import secrets
import socket
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from skytier_app import lingering
from skytier_app.logs import request_id
from skytier_app.middleware.security_headers import add_security_headers
from skytier_app.one_write import OneWrite
from skytier_app.problems import Problem

HEAD_S = 15
"""How long the head of a request may take, from the connection's or its own first byte."""
BODY_S = 65
"""How long the rest may take. `body_limit` answers before; this is for a body that is not read."""
WAKE_S = 1
"""How often an application that waits for a body gets an empty part, to see how late it is."""
LINE_BYTES = 16 * 1024
"""The longest address, and the longest header."""
HEAD_BYTES = 4 * LINE_BYTES
"""All headers together, and what comes between and after the parts of a body."""
HEADERS = 100
AHEAD = 16
"""Requests that a client may send before it has the answer to the first."""

_log = logging.getLogger("skytier_app.connections")
# Each worker imports this module.
lingering.install()
_names_a_method = re.compile(rb"(\r?\n)*[A-Z][A-Z0-9_-]* ").match


class _RefusedError(Exception):
    """What was sent so far is not taken. Raised where the parser calls."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail)


_TOO_MANY = "The request has too many headers, or they are too large."


class Connection(HttpToolsProtocol):
    """Uvicorn's own, within limits. What comes by a unix socket comes from Nginx.

    Only Nginx can connect to it, so only there `X-Forwarded-*` is trusted.
    """

    _by_nginx = False
    _deadline: asyncio.TimerHandle | None = None
    _deadline_for = ""
    _body_end = 0.0
    _stage = ""  # "head" and "body" while one is on its way
    _head_bytes = 0
    _stray_bytes = 0
    _is_stray = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        joined = OneWrite(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, joined))
        self._by_nginx = transport.get_extra_info("socket").family == socket.AF_UNIX
        if self.client is None and not self._by_nginx:
            self.transport.abort()  # gone already, so its address is not known
        self._expect("head")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._expect("")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._unset_keepalive_if_required()
        self._is_stray = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # there is no other protocol here: it is answered as if it had not asked
        except httptools.HttpParserError as error:
            self._refuse(_problem(error, data))
            return
        # Nothing of this was handed on: the parser keeps it, or has thrown it away.
        self._stray_bytes = self._stray_bytes + len(data) if self._is_stray else 0
        if self._stray_bytes > HEAD_BYTES + LINE_BYTES:
            self._refuse(Problem(431, _TOO_MANY))
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        self._expect(self._stage or ("head" if is_idle else ""))

    # The parser calls these.
    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._expect("")  # its time begins now
        self._stage = "head"
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        super().on_url(url)
        if len(self.url) > LINE_BYTES:
            raise _RefusedError(414, "The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; or one that comes after the body, which nothing here has a use for."""
        size = len(name) + len(b": \r\n") + len(value)
        self._head_bytes += size
        if size > LINE_BYTES or self._head_bytes > HEAD_BYTES or len(self.headers) >= HEADERS:
            raise _RefusedError(431, _TOO_MANY)
        if self._stage == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if len(self.pipeline) >= AHEAD:
            raise _RefusedError(429, f"More than {AHEAD} requests at once by one connection.")
        self._stage = "body"
        self._is_stray = False
        if self._by_nginx:
            self._believe()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._is_stray = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stage = ""
        self._is_stray = False
        super().on_message_complete()

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

    def _expect(self, what: str) -> None:
        """Begin the time that is allowed for a head or a body; none for nothing."""
        if what == self._deadline_for:
            return
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        self._deadline_for = what
        if what:
            time_s = HEAD_S if what == "head" else WAKE_S
            self._deadline = self.loop.call_later(time_s, self._too_late)
            self._body_end = self.loop.time() + BODY_S

    def _too_late(self) -> None:
        """The time is over; that of a body comes in pieces, so that the application sees it."""
        self._deadline = None
        if self._stage == "head":
            self._refuse(Problem(408, "The request did not arrive in time."))
        elif self._stage == "body" and self.loop.time() < self._body_end:
            self.cycle.message_event.set()
            self._deadline = self.loop.call_later(WAKE_S, self._too_late)
        elif self._stage == "body":
            self.transport.abort()
        else:  # nothing was begun
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer for the application, in its place in the order of answers, and hang up."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._stage != "body" or cycle.response_started or self.pipeline:
                cycle.keep_alive = False  # another answer is due first, and will be the last
                return
            cycle.disconnected = True
            cycle.message_event.set()
        token = request_id.set(secrets.token_hex(16))
        try:
            client = self.client[0] if self.client else None
            said = {"status": problem.status, "client": client}
            _log.warning("refused: %s", problem.detail, extra=said)
            self.transport.write(_as_bytes(problem, self.server_state.default_headers))
        finally:
            request_id.reset(token)
        self.transport.close()


def _problem(error: httptools.HttpParserError, data: bytes) -> Problem:
    """What is wrong with `data`, by what the parser says."""
    if isinstance(error.__context__, _RefusedError):
        return error.__context__.problem
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _names_a_method(data):
        return Problem(501, "The server does not know this method.")
    if isinstance(error, httptools.HttpParserInvalidURLError) or isinstance(
        error.__context__, httptools.HttpParserInvalidURLError | UnicodeDecodeError
    ):
        return Problem(
            400,
            "The address is not valid: it is a path, in which all but ASCII is percent-encoded.",
        )
    if "HTTP version" in str(error):
        return Problem(505, "The server does not speak this version of HTTP.")
    return Problem(400, "The request is not valid HTTP.")


def _as_bytes(problem: Problem, more: list[tuple[bytes, bytes]]) -> bytes:
    answer = problem.response()
    headers = [*more, *answer.raw_headers, (b"x-request-id", request_id.get().encode())]
    add_security_headers(headers, "http")
    headers.append((b"connection", b"close"))
    lines = [b"%s: %s\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", bytes(answer.body)])
