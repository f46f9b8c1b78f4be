"""A proxy before the cloud's APIs that answers wrongly now and then, as clouds do."""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .account import Account

FAULTS = ("refused", "unavailable", "failed", "dropped before", "dropped after", "lost after")
SURE = 8
"""This one of the creations goes wrong whatever the seed is: by chance, now and then none would."""
IN_A_ROW = 4
"""So often at most the same request goes wrong: the tool asks two times more before it gives up."""
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host"}


class FaultyProxy(ThreadingHTTPServer):
    """`/NAME/...` goes to the service of that name; `rate` of the requests go wrong, and one POST.

    One whose body has the bytes `forbidden` is answered with 403, as a policy of the cloud's would.
    """

    daemon_threads = True

    forbidden = b""

    def __init__(self, upstreams: Mapping[str, str], seed: int, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstreams = dict(upstreams)
        self.faults: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self._in_a_row: Counter[tuple[str, str]] = Counter()
        self._random, self._rate, self._lock = random.Random(seed), rate, threading.Lock()

    def address(self, service: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{service}"

    def refuses(self, method: str, path: str, headers: Mapping[str, str]) -> int:
        """The status of a request that this cloud never answers otherwise; 0 for any other one."""
        return 0

    def changed(self, path: str, content: bytes) -> bytes:
        """An answer as this cloud gives it."""
        return content

    def next_fault(self, method: str, path: str) -> str | None:
        with self._lock:
            self.requests[method] += 1
            fault = None
            is_sure = bool(self._rate) and (method, self.requests[method]) == ("POST", SURE)
            by_chance = self._random.random() < self._rate
            if (by_chance and self._in_a_row[method, path] < IN_A_ROW) or is_sure:
                fault = self._random.choice(FAULTS)
                self.faults[f"{method} {fault}"] += 1
            self._in_a_row[method, path] = self._in_a_row[method, path] + 1 if fault else 0
            return fault


@contextmanager
def running(
    upstreams: Mapping[str, str], seed: int, rate: float, kind: type[FaultyProxy] = FaultyProxy
) -> Iterator[FaultyProxy]:
    """A proxy for the time of a block."""
    with kind(upstreams, seed, rate) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def upstreams(account: Account) -> dict[str, str]:
    """Where the services really are."""
    return {name: f"{url.scheme}://{url.netloc}" for name, url in _endpoints(account).items()}


def through(proxy: FaultyProxy, account: Account) -> dict[str, Any]:
    """An entry of clouds.yaml that leads to them by the proxy."""
    addresses = {name: proxy.address(name) + url.path for name, url in _endpoints(account).items()}
    return {
        **account.entry,
        "auth": {**account.entry["auth"], "auth_url": addresses["identity"]},
        **{
            f"{name.replace('-', '_')}_endpoint_override": address
            for name, address in addresses.items()
        },
    }


def _endpoints(account: Account) -> dict[str, SplitResult]:
    session = account.connection.session
    services = ("compute", "network", "image", "identity", "block-storage")
    return {name: urlsplit(session.get_endpoint(service_type=name)) for name in services}


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.next_fault(self.command, self.path)
        if status := self.server.refuses(self.command, self.path, self.headers):
            self._answer(status, {}, b'{"error": {"message": "not here", "code": %d}}' % status)
        elif self.server.forbidden and self.server.forbidden in body:
            self._answer(403, {}, b'{"forbidden": {"message": "by policy", "code": 403}}')
        elif fault == "dropped before":
            self._drop()
        elif fault == "refused":
            self._answer(429, {"Retry-After": "1"}, b'{"error": "slow down"}')
        elif fault == "unavailable":
            self._answer(503, {}, b'{"error": "busy"}')
        elif fault == "failed":
            self._answer(500, {}, b'{"error": "oops"}')
        else:
            response, content = self._forward(body)
            if fault == "dropped after":
                self._drop()
            elif fault == "lost after":
                self._answer(502, {}, b"<html>bad gateway</html>")
            else:
                content = self.server.changed(self.path, content)
                self._answer(response.status, self._here(response), content)

    def _forward(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        service, _, rest = self.path.removeprefix("/").partition("/")
        upstream = urlsplit(self.server.upstreams[service])
        connection = HTTPConnection(upstream.netloc, timeout=120)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        base = upstream.path.rstrip("/")
        path = f"{base}/{rest}" if rest else base or "/"
        connection.request(self.command, path, body or None, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content

    def _here(self, response: HTTPResponse) -> dict[str, str]:
        """The headers of an answer; a redirection leads back to the proxy."""
        service = self.path.split("/")[1]
        there, here = self.server.upstreams[service], self.server.address(service)
        return {
            name: value.replace(there, here, 1) if name.lower() == "location" else value
            for name, value in response.getheaders()
        }

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def log_message(self, *_: Any) -> None: ...

    # The names that http.server asks for.
    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _handle  # noqa: N815
