"""What the client of Prometheus makes of a Prometheus that is away, or is none."""

import http.server
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skytier.errors import SkytierError
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.prometheus import Prometheus
from tests.background_server import running

CPU = BY_ID["cpu_percent"]


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """A server that always answers the same."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def test_a_prometheus_that_is_away_is_named() -> None:
    with pytest.raises(SkytierError, match=r"http://127\.0\.0\.1:1 does not answer"):
        Prometheus("http://127.0.0.1:1").latest(CPU)


def test_another_program_is_no_prometheus() -> None:
    with answering(404, "<html>") as url, pytest.raises(SkytierError, match="is not Prometheus"):
        Prometheus(url).alerts()


def test_the_reason_of_a_refusal_is_shown() -> None:
    refusal = '{"status": "error", "errorType": "bad_data", "error": "too many samples"}'
    with answering(422, refusal) as url, pytest.raises(SkytierError, match="too many samples"):
        Prometheus(url).series(CPU, 0, 10, 1)


def test_a_step_that_is_too_small_is_refused_before_it_is_asked() -> None:
    with pytest.raises(SkytierError, match="more than Prometheus returns at once"):
        Prometheus("http://127.0.0.1:1").series(CPU, 0, 86400, 1)
