"""A webhook that notes what it is told, where the guests of the devcloud can reach it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.background_server import running

BRIDGE = "br-ex"


@dataclass(frozen=True)
class Hook:
    """Where it is, and Alertmanager's messages so far."""

    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    def told(self, alert: str, status: str) -> dict[str, Any] | None:
        """The first message of an alert that is `firing` or `resolved`."""
        alerts = [each for message in list(self.messages) for each in message["alerts"]]
        found = (a for a in alerts if (a["labels"]["alertname"], a["status"]) == (alert, status))
        return next(found, None)


@contextmanager
def listening() -> Iterator[Hook]:
    """A webhook at this machine's address in the external network."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.messages.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with running(ThreadingHTTPServer((_address(), 0), Handler)) as server:
        hook = Hook(f"http://{server.server_address[0]!s}:{server.server_port}/alerts")
        with _let_in(server.server_port):
            yield hook


@contextmanager
def _let_in(port: int) -> Iterator[None]:
    """The devcloud refuses its guests everything on this machine, and for a while not this port."""
    rule = ["devcloud-input", "-i", BRIDGE, "-p", "tcp", "--dport", str(port), "-j", "ACCEPT"]
    subprocess.run(["iptables", "-w", "-I", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-w", "-D", *rule], check=True)


def _address() -> str:
    """This machine's own in the external network, which the guests reach through their router."""
    shown = ["ip", "-json", "-4", "address", "show", "dev", BRIDGE]
    (device,) = json.loads(subprocess.run(shown, check=True, capture_output=True).stdout)
    return str(device["addr_info"][0]["local"])
