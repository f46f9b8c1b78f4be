"""What a web server answers its balancer, which asks whether it takes new requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from skytier.services.nginx.config import (
    Balancers,
    Health,
    LoadBalancer,
    NginxConfig,
    nginx_conf,
)
from skytier.services.nginx.load_balanced import ANSWERS_WELL
from tests.nginx import NGINX, USER, Nginx
from tests.skytier_command import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs Nginx")
QUESTION = "/.skytier/health"
HAPROXY = "HAProxy"
FRONTS = pytest.mark.parametrize("front", [HAPROXY, "a load balancer"])


class Application(BaseHTTPRequestHandler):
    """Answers each path with the status that the server has for it."""

    server: "Answers"

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Answers(ThreadingHTTPServer):
    status = 200


@pytest.fixture(scope="module")
def application() -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), Application) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def question(
    application: Answers, home: Path, asks: str, front: str = HAPROXY
) -> Iterator[tuple[httpx.Client, Path]]:
    """A web server behind a balancer at 127.0.0.1, and the file that drains it."""
    (home / "nginx").mkdir()
    port, drained = free_port(), home / "drained"
    here, health = f"127.0.0.1:{port}", Health(QUESTION, asks, "shop.example.org", [str(drained)])
    other = f"127.0.0.1:{free_port()}"
    balancers = Balancers([here], ["127.0.0.1"], health)
    passing = LoadBalancer(["127.0.0.0/8"], [other], [], here, health)
    config = replace(
        NginxConfig([], [f"127.0.0.1:{application.server_port}"], home, home, home, USER),
        **({"balancers": balancers} if front == HAPROXY else {"load_balancer": passing}),
    )
    (home / "nginx.conf").write_text(f"daemon off;\n{nginx_conf(config)}")
    with Nginx(home, port) as client:
        yield client, drained


@FRONTS
@pytest.mark.parametrize(
    ("path", "said", "answered"),
    [
        *(("/", status, 200) for status in (200, 401, 403, 404)),
        *(("/healthz", status, 200) for status in (200, 401, 403)),
        # A page to sign in, or one in a visitor's language.
        *(
            (path, status, 200)
            for path in ("/", "/healthz")
            for status in (301, 302, 303, 307, 308)
        ),
        # 404 would mean that the server is drained.
        ("/healthz", 404, 503),
        *(("/", status, status) for status in (204, 299, 500, 503)),
    ],
)
def test_a_server_that_skytier_finds_healthy_takes_requests(
    application: Answers, tmp_path: Path, path: str, said: int, answered: int, front: str
) -> None:
    application.status = said
    with question(application, tmp_path, path, front) as (client, _):
        answer = client.get(QUESTION, headers={"Host": "balancer"})

    assert answer.status_code == answered
    first, last = map(int, ANSWERS_WELL.split("-"))
    assert (first <= answered <= last) == (answered < 500)


@FRONTS
def test_a_drained_server_says_404(application: Answers, tmp_path: Path, front: str) -> None:
    application.status = 200
    with question(application, tmp_path, "/", front) as (client, drained):
        before = client.get(QUESTION)
        drained.touch()
        after = client.get(QUESTION)

    assert [each.status_code for each in (before, after)] == [200, 404]


def test_visitors_who_come_forwarded_ask_in_vain(application: Answers, tmp_path: Path) -> None:
    application.status = 200
    with question(application, tmp_path, "/") as (client, _):
        visitor = client.get(QUESTION, headers={"X-Forwarded-For": "192.0.2.1"})

    assert visitor.status_code == 404
