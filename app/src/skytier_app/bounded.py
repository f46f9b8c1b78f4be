"""A connection to Uvicorn by httptools, with Nginx's limits of a request's head.

The sample application and the runtime of other ones have the same file, since neither can import
from the other.
"""

import re

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from skytier_app.limits import Limits

LINE_BYTES = 16 * 1024
"""The longest address, and the longest header."""
HEAD_BYTES = 4 * LINE_BYTES
"""All headers together, and what comes between and after the parts of a body."""
HEADERS = 100
AHEAD = 16
"""Requests that a client may send before it has the answer to the first."""

_TOO_MANY = "The request has too many headers, or they are too large."
_names_a_method = re.compile(rb"(\r?\n)*[A-Z][A-Z0-9_-]* ").match


class _RefusedError(Exception):
    """What was sent so far is not taken. Raised where the parser calls."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.refusal = status, detail


class Bounded(Limits, HttpToolsProtocol):
    """Uvicorn's own, within limits."""

    _head_bytes = 0
    _stray_bytes = 0
    _is_stray = True

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._unset_keepalive_if_required()
        self._is_stray = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
            if self.transport.get_protocol() is not self:
                self._expect("")
                return
        except httptools.HttpParserError as error:
            self._refuse(*_refusal(error, data))
            # Where another answer is due first, its application may still wait for a body.
            self._expect(self._stage)
            return
        # Nothing of this was handed on: the parser keeps it, or has thrown it away.
        self._stray_bytes = self._stray_bytes + len(data) if self._is_stray else 0
        if self._stray_bytes > HEAD_BYTES + LINE_BYTES:
            self._refuse(431, _TOO_MANY)
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        self._expect(self._stage or ("head" if is_idle else ""))

    def _upgrade(self) -> None:
        """Go on by another protocol, or answer as if the client had not asked for it."""

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


def _refusal(error: httptools.HttpParserError, data: bytes) -> tuple[int, str]:
    """What is wrong with `data`, by what the parser says: a status and a sentence."""
    if isinstance(error.__context__, _RefusedError):
        return error.__context__.refusal
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _names_a_method(data):
        return 501, "The server does not know this method."
    if isinstance(error, httptools.HttpParserInvalidURLError) or isinstance(
        error.__context__, httptools.HttpParserInvalidURLError | UnicodeDecodeError
    ):
        return (
            400,
            "The address is not valid: it is a path, in which all but ASCII is percent-encoded.",
        )
    if "HTTP version" in str(error):
        return 505, "The server does not speak this version of HTTP."
    return 400, "The request is not valid HTTP."
