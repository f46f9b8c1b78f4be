"""Requests that no client of good will sends: raw bytes in headers, odd bodies, costly texts."""

import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

TIMEOUT_S = 30
_HEADERS = (
    *("Accept", "Authorization", "Content-Length", "Content-Type", "Cookie", "Expect"),
    *("Forwarded", "Host", "Idempotency-Key", "If-Match", "If-None-Match", "Origin", "Range"),
    *("Referer", "Sec-Fetch-Site", "Transfer-Encoding", "Upgrade", "X-Forwarded-For"),
    *("X-Forwarded-Proto", "X-Request-ID"),
)
_PIECES = (
    *(
        b"http://[",
        b"*",
        b'"',
        b'W/"',
        b",",
        b";",
        b"=",
        b"%00",
        b"%ff",
        b"\xff",
        b"\xc3\xa9",
        b" ",
    ),
    *(b"Bearer ", b"Basic ", b"bytes=", b"0-", b"chunked", b"-1", b"1e9", b"for=", b"::1", b"null"),
)
_PATHS = (
    *("/", "/api/posts", "/api/posts?q=", "/api/posts?limit=", "/api/posts?after=", "/api/users"),
    *("/api/users/", "/api/posts/", "/api/tokens", "/api/sessions", "/api/stats", "/metrics"),
    *("/health", "/posts/", "/users/", "/sign-in", "/static/", "/openapi.json", "/../", "//"),
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")
_MARKDOWN = (
    *(
        "> ",
        "- ",
        "1. ",
        "    ",
        "*",
        "**",
        "_",
        "`",
        "```\n",
        "[a]",
        "[a]: x\n",
        "](",
        "![",
        "<",
        "&",
    ),
    *("|", "-|", "x|", "\n", "\n\n", "a", "~~", "#", "\\", "http://a.b/", "&#x41;", "\U00020000"),
)
_WORDS = ("a_", "~/", "./", "1_", "a-", "a@", "://", "x.y/", "é", "日本", "a' ", '"', "or ")
_LONGEST = 100_000
"""Characters of the longest post that is accepted."""


@dataclass
class Outcome:
    """What the requests came to. `worst` has the request that took longest, and its seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    server_errors: list[str] = field(default_factory=list)
    worst: tuple[float, str] = (0.0, "")


def is_fault(status: int) -> bool:
    """Whether a status tells of a fault of the server's. 501 names what the client asked for."""
    return status >= 500 and status != 501


def attack(address: str, headers: dict[str, str], seed: int, over: Event) -> Outcome:
    """Send one request after another to `host:port` until `over` is set.

    A status of 0 stands for a connection that ended without an answer.
    """
    # Not for secrets: the same seed sends the same requests.
    chance = random.Random(seed)  # noqa: S311
    outcome = Outcome()
    kinds: tuple[Callable[[random.Random, dict[str, str]], tuple[str, bytes]], ...]
    kinds = (_odd_request, _costly_post, _costly_search)
    while not over.is_set():
        what, request = chance.choice(kinds)(chance, headers)
        began = time.perf_counter()
        status = _send(address, request)
        seconds = time.perf_counter() - began
        outcome.statuses[status] += 1
        outcome.worst = max(outcome.worst, (seconds, what))
        if is_fault(status):
            outcome.server_errors.append(f"{status} for {what}")
    return outcome


def _odd_request(chance: random.Random, signed_in: dict[str, str]) -> tuple[str, bytes]:
    method = chance.choice(_METHODS)
    path = chance.choice(_PATHS) + chance.choice(("", "1", "%00", "é", "0001", "[" * 50, "1_0"))
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: skytier.test"]
    for name in chance.sample(_HEADERS, chance.randint(0, 4)):
        value = b"".join(chance.choices(_PIECES, k=chance.randint(0, 12)))
        lines.append(name.encode() + b": " + value)
    shown = repr(b"\r\n".join(lines)[:300])  # before there is a secret in it
    if chance.random() < 0.5:
        lines += [f"{name}: {value}".encode() for name, value in signed_in.items()]
    body = chance.choice((b"", b"{", b"{}", b"null", b"[" * 5000, b"\xff", b'{"title": 1}'))
    if not any(line.lower().startswith((b"content-length", b"transfer-enc")) for line in lines):
        lines.append(f"Content-Length: {len(body)}".encode())
    return shown, b"\r\n".join([*lines, b"Connection: close", b"", body])


def _costly_post(chance: random.Random, signed_in: dict[str, str]) -> tuple[str, bytes]:
    pieces = chance.choices(chance.choice((_MARKDOWN, _WORDS)), k=chance.randint(1, 6))
    text = "".join(pieces)
    text = (text * (_LONGEST // len(text)))[: chance.choice((500, 5_000, 50_000, _LONGEST))]
    body = json.dumps({"title": "".join(pieces)[:150], "content": text}).encode()
    return f"a post of {pieces!r}", _json_request("POST", "/api/posts", body, signed_in)


def _costly_search(chance: random.Random, signed_in: dict[str, str]) -> tuple[str, bytes]:
    words = "".join(chance.choices(_WORDS, k=chance.randint(1, 60)))[:200]
    path = "/api/posts?q=" + "".join(f"%{byte:02x}" for byte in words.encode())
    return f"a search for {words!r}", _json_request("GET", path, b"", signed_in)


def _json_request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    every = {
        "Host": "skytier.test",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _send(address: str, request: bytes) -> int:
    host, _, port = address.rpartition(":")
    answer = b""
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
            connection.sendall(request)
            for piece in _pieces(connection):
                answer += piece[: 64 - len(answer)]
    except TimeoutError:
        return 599  # an answer that does not come is a fault of the server too
    except OSError:
        pass
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else 0


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(1 << 16):
        yield piece
