"""What is asked again when a cloud's API refuses it, and what is not."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from keystoneauth1 import exceptions

from skytier.openstack.login.connection import PatientSession


class Once(ThreadingHTTPServer):
    """Refuses the first request with a status, and takes all others."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.statuses = [status]
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Once

    def answer(self) -> None:
        self.server.asked.append(self.command)
        self.send_response(self.server.statuses.pop() if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def server(status: int) -> Iterator[Once]:
    with Once(status) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "method"),
    [(409, "GET"), (409, "HEAD"), (503, "PUT"), (502, "DELETE"), (429, "POST")],
)
def test_what_is_safe_to_repeat_is_asked_again(server: Once, method: str) -> None:
    answer = PatientSession().request(f"http://127.0.0.1:{server.server_port}/", method)

    assert answer.status_code == 200
    assert server.asked == [method, method]


@pytest.mark.parametrize(
    ("status", "method"), [(409, "PUT"), (409, "DELETE"), (409, "POST"), (503, "POST")]
)
def test_what_may_have_been_done_or_is_refused_is_not(server: Once, method: str) -> None:
    with pytest.raises(exceptions.HttpError):
        PatientSession().request(f"http://127.0.0.1:{server.server_port}/", method)

    assert server.asked == [method]
