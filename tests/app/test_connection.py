"""What one connection may take, and what it is told: Uvicorn without Nginx before it.

Under the sample application, and under an operator's own with either parser of Uvicorn's.
"""

import asyncio
import fcntl
import importlib
import os
import pkgutil
import re
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import prometheus_client
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from skytier_app import bounded, limits, listening, one_write, problems, serving
from skytier_app.event_loop import EventLoop
from skytier_app.middleware import body_limit
from skytier_app.middleware.request_context import RequestContext
from skytier_app.middleware.request_log import RequestLog
from skytier_runtime import by_h11, by_httptools, connection
from skytier_runtime import limits as own_limits
from tests.as_user import may, needs_root
from tests.waiting import wait_until

KIB = 1024


def own_application() -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.get("/who")
    async def who(request: Request) -> dict[str, Any]:
        client = request.client
        return {"client": client.host if client else None, "scheme": request.url.scheme}

    @app.get("/large")
    async def large() -> Response:
        return Response(b"x" * 32 * KIB * KIB)

    @app.post("/later")
    async def later(request: Request) -> Response:
        await asyncio.sleep(connection.BODY_S * 2)
        return Response(str(len(await request.body())))

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            for number in range(3):
                yield f"data: {number}\n\n"
                await asyncio.sleep(connection.BODY_S)

        return StreamingResponse(told(), media_type="text/event-stream")

    class Both(Response):
        """Begins before it has the whole body, and ends after that."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.body", "body": b"b"})

    @app.post("/both")
    async def both() -> Response:
        return Both()

    return app


def application() -> RequestContext:
    app = own_application()
    problems.install(app)
    app.add_middleware(body_limit.BodyLimit)
    return RequestContext(app, RequestLog())


class Echo(asyncio.Protocol):
    """In place of WebSockets, for which the tests have no library."""

    def __init__(self, **_: Any) -> None: ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


CONNECTIONS = {
    "sample": serving.Connection,
    "own": by_httptools.Connection,
    "own by h11": by_h11.Connection,
}


class Server:
    """The application under Uvicorn, in a thread of the test."""

    def __init__(self, sockets: list[socket.socket], name: str) -> None:
        self.is_own = name != "sample"
        config = uvicorn.Config(
            own_application() if self.is_own else application(),
            http=CONNECTIONS[name],
            ws=Echo if self.is_own else "none",
            log_config=None,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self.address = sockets[0].getsockname()
        self._sockets = sockets
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(lambda: self._server.started)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(self._server.serve(self._sockets))

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        client.settimeout(120)
        client.connect(self.address)
        return client

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(120)


@contextmanager
def serving_at(*sockets: socket.socket, name: str = "sample") -> Iterator[Server]:
    server = Server([*sockets], name)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=CONNECTIONS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening_at,
        serving_at(listening_at, name=request.param) as found,
    ):
        yield found


sample = pytest.mark.parametrize("server", ["sample"], indirect=True)
own = pytest.mark.parametrize("server", ["own", "own by h11"], indirect=True)
by_httptools_alone = pytest.mark.parametrize("server", ["sample", "own"], indirect=True)


@pytest.fixture
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, seconds in (
        (limits, "HEAD_S", 0.3),
        (limits, "LOOK_S", 0.05),
        (own_limits, "HEAD_S", 0.3),
        (own_limits, "LOOK_S", 0.05),
        (connection, "BODY_S", 0.3),
        (connection, "SILENCE_S", 0.2),
        (serving, "BODY_S", 0.6),
        (body_limit, "BODY_S", 0.3),
        (body_limit, "SILENCE_S", 0.2),
        (one_write, "SEND_S", 0.2),
    ):
        monkeypatch.setattr(module, name, seconds)


def said(client: socket.socket) -> bytes:
    """All until the server hangs up."""
    got = b""
    try:
        while more := client.recv(65536):
            got += more
    except ConnectionResetError:
        pass
    return got


def answers(raw: bytes) -> list[httpx.Response]:
    """The answers in what a server said."""
    found = []
    while raw:
        head, separator, rest = raw.partition(b"\r\n\r\n")
        assert separator, raw
        lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        length = int(dict(headers)["content-length"])
        status = int(lines[0].split()[1])
        found.append(httpx.Response(status, headers=headers, content=rest[:length]))
        raw = rest[length:]
    return found


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"]
    assert re.fullmatch("[0-9a-f]{32}", problem["request_id"])
    assert problem["request_id"] == answer.headers["X-Request-ID"]


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, "Host: a", *headers, "", ""]).encode()


REFUSED = {
    "an unknown method": (request("FOO /api/posts HTTP/1.1"), 501),
    "another unknown method": (request("BREW-TEA /api/posts HTTP/1.1"), 501),
    "no method": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "a raw é in the query": (request("GET /api/posts?q=café HTTP/1.1"), 400),
    "a raw 日 in the path": (request("GET /日 HTTP/1.1"), 400),
    "no path": (request("GET posts HTTP/1.1"), 400),
    "a host in place of a path": (request("CONNECT example.org:443 HTTP/1.1"), 400),
    "another version": (request("GET / HTTP/3.0"), 505),
    "a header without a name": (request("GET / HTTP/1.1", ": x"), 400),
    "a control character": (request("GET / HTTP/1.1", "X: \x00"), 400),
    "a length in words": (request("POST /echo HTTP/1.1", "Content-Length: one"), 400),
    "two lengths": (request("POST /echo HTTP/1.1", "Content-Length: 1", "Content-Length: 2"), 400),
    "a long address": (request(f"GET /{'x' * 17 * KIB} HTTP/1.1"), 414),
    "a long query": (request(f"GET /?{'x' * 300 * KIB} HTTP/1.1"), 414),
    "a long header": (request("GET / HTTP/1.1", f"X: {'x' * 17 * KIB}"), 431),
    "a long name": (request("GET / HTTP/1.1", f"{'x' * 17 * KIB}: x"), 431),
    "large headers": (request("GET / HTTP/1.1", *(f"X{n}: {'x' * KIB}" for n in range(70))), 431),
    "many headers": (request("GET / HTTP/1.1", *(f"X{n}: x" for n in range(100))), 431),
    "a bad chunk": (
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"nonsense\r\n",
        400,
    ),
    "endless trailers": (
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked")
        + b"1\r\nx\r\n0\r\n"
        + b"X: y\r\n" * 20_000,
        431,
    ),
    "an endless extension of a chunk": (
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"1;" + b"x" * 2**20,
        431,
    ),
}


@by_httptools_alone
@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_told_so_by_a_problem_document(
    server: Server, sent: bytes, status: int
) -> None:
    with server.connect() as client:
        client.sendall(sent)
        (answer,) = answers(said(client))
    assert_problem(answer, status)


@pytest.mark.parametrize("endless", [b"x", b"X: y\r\n", b"X: " + b"y" * 8000 + b"\r\n"])
def test_300_mb_of_headers_are_not_taken(server: Server, endless: bytes) -> None:
    piece = endless * (2**20 // len(endless))
    sent = 0
    with server.connect() as client:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            for _ in range(300):
                client.sendall(piece)
                sent += len(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass
    # What the buffers of the kernel on both sides hold.
    assert sent < 32 * 2**20


def test_a_head_that_drips_ends(server: Server, in_a_hurry: None) -> None:
    with server.connect() as client:
        client.setblocking(False)
        got = b""
        for byte in request("GET /who HTTP/1.1", f"X: {'x' * 16_000}"):
            try:
                client.send(bytes([byte]))
                time.sleep(0.01)
                got += client.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                break
            if got:
                break
        # Where the end came between two looks, it is still there to be read.
        client.settimeout(120)
        got += said(client)
    assert_problem(answers(got)[0], 408)


@by_httptools_alone
@pytest.mark.parametrize("sent", [b"", b"\r\n", request("GET /who HTTP/1.1") + b"\r\n"])
def test_a_connection_that_is_not_used_ends(server: Server, in_a_hurry: None, sent: bytes) -> None:
    with server.connect() as client:
        client.sendall(sent)
        assert len(answers(said(client))) == (1 if b"GET" in sent else 0)


@pytest.mark.parametrize("server", ["own by h11"], indirect=True)
@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"", []),
        (request("GET /who HTTP/1.1") + b"G", [200, 408]),
        (request("GET /who HTTP/1.1") * 3 + b"G", [200, 200, 200, 408]),
        (b"\r\n", [400]),
        (request("GET / HTTP/1.1", f"X: {'x' * 300 * KIB}"), [431]),
        (request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"nonsense\r\n", [400]),
    ],
)
def test_h11_s_own_bounds_are_told_by_problem_documents(
    server: Server, in_a_hurry: None, sent: bytes, statuses: list[int]
) -> None:
    with server.connect() as client:
        client.sendall(sent)
        got = answers(said(client))
    assert [answer.status_code for answer in got] == statuses
    for answer in got:
        if answer.status_code >= 400:
            assert_problem(answer, answer.status_code)


@by_httptools_alone
def test_line_breaks_keep_no_connection_open(server: Server, in_a_hurry: None) -> None:
    def goes_on() -> bool:
        try:
            client.sendall(b"\r\n")
        except OSError:
            return False
        return True

    with server.connect() as client:
        wait_until(lambda: not goes_on())


@pytest.mark.parametrize(
    ("line", "status"), [("POST /echo HTTP/1.1", 408), ("POST /who HTTP/1.1", 405)]
)
@pytest.mark.parametrize("pause_s", [0.02, 10])
def test_a_body_that_drips_ends(
    server: Server, in_a_hurry: None, line: str, status: int, pause_s: float
) -> None:
    with server.connect() as client:
        client.sendall(request(line, "Content-Length: 100000") + b"x")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(pause_s):
                try:
                    client.send(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        (answer,) = answers(said(client))
        stop.set()
        dripping.join()
    assert answer.status_code == status
    if status == 408 or not server.is_own:
        assert_problem(answer, status)


@sample
def test_a_client_that_takes_nothing_is_given_up(server: Server, in_a_hurry: None) -> None:
    with server.connect() as client:
        client.sendall(request("GET /large HTTP/1.1"))
        # It is looked at, and left where it is.
        assert client.recv(1, socket.MSG_PEEK)
        wait_until(lambda: server.connections == 0)


@sample
def test_a_client_that_takes_its_time_gets_all(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than it pauses on a busy machine, and shorter than it takes for all.
    monkeypatch.setattr(one_write, "SEND_S", 1.5)
    with server.connect() as client:
        client.sendall(request("GET /large HTTP/1.1", "Connection: close"))
        got = 0
        while more := client.recv(4 * 2**20):
            got += len(more)
            time.sleep(0.2)
    assert got > 32 * 2**20


@by_httptools_alone
def test_answers_to_what_was_sent_ahead_come_in_order(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("GET /who HTTP/1.1") * 3 + b"FOO / HTTP/1.1\r\n\r\n")
        got = answers(said(client))
    assert [answer.status_code for answer in got[:3]] == [200] * 3


@by_httptools_alone
def test_more_requests_ahead_than_anybody_needs_are_not_kept(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("GET /who HTTP/1.1") * 5000)
        got = answers(said(client))
    assert 1 <= len(got) <= bounded.AHEAD + 2


def test_a_connection_serves_one_request_after_another(server: Server) -> None:
    body = b"x" * 200_000
    with httpx.Client(base_url=f"http://127.0.0.1:{server.address[1]}") as client:
        for _ in range(3):
            assert client.post("/echo", content=body).content == body
            assert client.post("/echo", content=iter([b"a", b"b"])).content == b"ab"
            assert client.get("/who", headers={"Upgrade": "h2c", "Connection": "Upgrade"})
            assert (
                client.post("/echo", headers={"Expect": "100-continue"}, content=b"c").text == "c"
            )


def test_a_body_that_breaks_while_it_is_answered_ends(server: Server, in_a_hurry: None) -> None:
    with server.connect() as client:
        client.sendall(request("POST /both HTTP/1.1", "Transfer-Encoding: chunked"))
        assert client.recv(1, socket.MSG_PEEK)
        client.sendall(b"nonsense\r\n")
        assert not said(client).endswith(b"ab")


def test_a_body_that_breaks_while_another_request_is_answered_ends(
    server: Server, in_a_hurry: None
) -> None:
    broken = request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked") + b"nonsense\r\n"
    with server.connect() as client:
        client.sendall(request("GET /who HTTP/1.1") + broken)
        first, *others = answers(said(client))
    assert first.status_code == 200
    for answer in others:
        assert_problem(answer, answer.status_code)


@own
def test_a_long_upload_has_its_time(
    server: Server, in_a_hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENCE_S", 10)
    part, parts = b"x" * 4 * KIB, 60
    # Longer than BODY_S with all pauses, and faster than the least that is wanted.
    with server.connect() as client:
        client.sendall(request("POST /echo HTTP/1.1", f"Content-Length: {len(part) * parts}"))
        for _ in range(parts):
            client.sendall(part)
            time.sleep(0.02)
        client.shutdown(socket.SHUT_WR)
        (answer,) = answers(said(client))
    assert answer.content == part * parts


@own
def test_a_body_waits_for_the_application_as_long_as_it_takes(
    server: Server, in_a_hurry: None
) -> None:
    # The server takes no more than some of it until the application asks for it.
    body = b"x" * 16 * 2**20
    with server.connect() as client:
        client.sendall(request("POST /later HTTP/1.1", f"Content-Length: {len(body)}") + body)
        client.shutdown(socket.SHUT_WR)
        (answer,) = answers(said(client))
    assert answer.text == str(len(body))
    with server.connect() as client:
        client.sendall(request("POST /later HTTP/1.1", "Content-Length: 3", "Expect: 100-continue"))
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        client.shutdown(socket.SHUT_WR)
        (answer,) = answers(said(client))
    assert answer.text == "3"


@own
def test_events_have_no_time(server: Server, in_a_hurry: None) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.address[1]}") as client:
        assert client.get("/events").text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


@own
@pytest.mark.parametrize("more", [(), ("Content-Length: 3",)])
def test_another_protocol_has_no_time(
    server: Server, in_a_hurry: None, more: tuple[str, ...]
) -> None:
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", *more)
    with server.connect() as upgraded:
        upgraded.sendall(request("HEAD /talk HTTP/1.1"))
        assert upgraded.recv(65536).endswith(b"\r\n\r\n")
        upgraded.sendall(request("GET /talk HTTP/1.1", *upgrade))
        assert upgraded.recv(65536).startswith(b"GET /talk HTTP/1.1\r\n")
        time.sleep(connection.BODY_S * 3)
        upgraded.sendall(b"still here")
        assert upgraded.recv(65536) == b"still here"


pieces = st.sampled_from(
    [
        *(b"GET", b"POST", b"FOO", b" ", b"/", b"/echo", b"/who", b"?q=", b"%zz", b"\xc3\xa9"),
        *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/9.9\r\n", b"\r\n", b"\n", b"\r", b"\x00"),
        *(b"Host: a\r\n", b"Content-Length: 3\r\n", b"Content-Length: -1\r\n", b": y\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"X:\r\n"),
        *(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Connection: close\r\n"),
        *(b"Expect: 100-continue\r\n", b"abc"),
    ]
)
wire = st.lists(pieces | st.binary(max_size=8), max_size=14).map(b"".join)


@by_httptools_alone
@settings(max_examples=150)
@given(sent=wire | wire.map(lambda rest: b"GET /who HTTP/1.1\r\nHost: a\r\n" + rest))
def test_whatever_is_sent_no_error_is_told_in_another_form(server: Server, sent: bytes) -> None:
    with server.connect() as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        got = said(client).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    for answer in answers(got):
        assert answer.status_code < 500 or answer.status_code in (501, 505)
        # An operator's own application has errors in a form of its own.
        if answer.status_code >= 400 and not (server.is_own and answer.status_code in (404, 405)):
            assert_problem(answer, answer.status_code)


def test_the_proxy_is_believed_at_the_unix_socket_and_nobody_by_tcp(short_dir: Path) -> None:
    path = short_dir / "proxied"
    forged = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    with (
        socket.create_server(("127.0.0.1", 0)) as by_tcp,
        serving_at(by_tcp, listening.unix_socket(path)) as both,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as proxy,
    ):
        stranger = httpx.get(f"http://127.0.0.1:{both.address[1]}/who", headers=forged).json()
        found = proxy.get("http://a/who", headers=forged).json()
        plain = proxy.get("http://a/who").json()
    assert stranger == {"client": "127.0.0.1", "scheme": "http"}
    assert found == {"client": "198.51.100.7", "scheme": "https"}
    assert plain == {"client": None, "scheme": "http"}


def test_all_sockets_that_systemd_hands_over_are_taken() -> None:
    ask = (
        "from skytier_app import listening; print(*[s.family.name for s in listening.inherited()])"
    )
    with socket.socket(socket.AF_UNIX) as first, socket.socket() as second:
        given = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in (first.fileno(), second.fileno())]
        fds = " ".join(f"{3 + n}<&{fd}" for n, fd in enumerate(given))
        run = f"LISTEN_FDS=2 LISTEN_PID=$$ exec {shlex.quote(sys.executable)} -c '{ask}' {fds}"
        done = subprocess.run(
            ["bash", "-c", run], pass_fds=given, capture_output=True, text=True, check=True
        )
        for fd in given:
            os.close(fd)
    assert done.stdout.split() == ["AF_UNIX", "AF_INET"]


@needs_root
def test_only_its_user_and_its_group_may_connect_to_the_unix_socket(short_dir: Path) -> None:
    def may_connect(path: Path, who: str) -> bool:
        return may(who, lambda: socket.socket(socket.AF_UNIX).connect(str(path)))

    with listening.unix_socket(short_dir / "listening") as own:
        own.listen()
        assert not may_connect(short_dir / "listening", "www-data")
    with listening.unix_socket(short_dir / "shared", "www-data") as shared:
        shared.listen()
        assert may_connect(short_dir / "shared", "www-data")
        assert not may_connect(short_dir / "shared", "nobody")


@pytest.mark.parametrize("name", ["bounded", "limits"])
def test_a_runtime_has_the_same_file(name: str) -> None:
    texts = [
        Path(module.__file__ or "").with_name(f"{name}.py").read_text()
        for module in (limits, own_limits)
    ]
    assert texts[0].replace("skytier_app", "skytier_runtime") == texts[1]


def test_an_application_is_served_by_the_parser_that_its_release_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its figures have the names of the sample application's, in the one registry of this process.
    monkeypatch.setattr(prometheus_client.CollectorRegistry, "register", lambda *_: None)
    asgi = importlib.import_module("skytier_runtime.asgi")
    assert pkgutil.resolve_name(asgi.connection()) is by_httptools.Connection
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert pkgutil.resolve_name(asgi.connection()) is by_h11.Connection
