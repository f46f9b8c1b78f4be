"""A server of one's own on loopback that answers as it is told, and an SDK's connection to it."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openstack.connection import Connection

from tests.background_server import running

Answer = Callable[[str, str, bytes], tuple[int, dict[str, str], bytes]]
"""Method, path and body to status, headers and body."""


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """`http://127.0.0.1:PORT`, or https with `tls`, as long as the context is."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = answer(self.command, self.path, sent)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that breaks off is what many tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    with running(server):
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"


def as_json(status: int, body: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


VERSIONS = {"compute": "v2.1", "network": "v2.0", "block_storage": "v3", "image": "v2"}


def version_document(path: str) -> tuple[int, dict[str, str], bytes]:
    """What a service says of itself at its endpoint."""
    service = path.strip("/").partition("/")[0]
    number = VERSIONS.get(service, "v1")
    links = [{"rel": "self", "href": f"/{service}/{number}/"}]
    return as_json(200, {"version": {"id": number, "status": "CURRENT", "links": links}})


def without_keystone(url: str) -> Connection:
    """openstacksdk's connection whose services all are at one address, and need no token."""
    endpoints = {
        f"{service}_endpoint_override": f"{url}/{service}/{number}"
        for service, number in VERSIONS.items()
    }
    return Connection(auth_type="none", **endpoints)
