"""What the fuzzing takes for a fault: in the logs of a stack, and of /health/live."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bench.fuzzing import run
from bench.fuzzing.run import NO_ANSWER, Asked, ask_live, live_faults, logged
from hypothesis import given
from hypothesis import strategies as st

from skytier.errors import SkytierError
from skytier.local.application import Application
from skytier.local.home import Home
from skytier.local.logs import FILES
from skytier.local.nginx import Nginx

GOOD = Asked(0.01, 200)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([GOOD, Asked(0.5, 200)], []),
        ([GOOD, Asked(0.6, 200)], ["1 of 2 took longer than 500 ms, the slowest 600 ms"]),
        ([GOOD, Asked(0.01, 503)], ["1 of 2 answered with 503"]),
        ([Asked(0.01, 302)] * 2, ["2 of 2 answered with 302"]),
        (
            [GOOD, Asked(60, NO_ANSWER), Asked(0.01, 429)],
            [
                "1 of 3 not answered",
                "1 of 3 answered with 429",
                "1 of 3 took longer than 500 ms, the slowest 60000 ms",
            ],
        ),
    ],
)
def test_live_that_is_late_or_not_answered_is_a_fault(asked: list[Asked], said: list[str]) -> None:
    assert live_faults(asked, 0.5) == [f"/health/live: {each}" for each in said]


@given(
    st.lists(st.builds(Asked, st.floats(0, 100), st.sampled_from((0, 200, 404, 500))), min_size=1),
    st.floats(0.001, 10),
)
def test_no_fault_is_said_only_when_all_were_answered_in_time(
    asked: list[Asked], within_s: float
) -> None:
    good = all(each.status == 200 and each.seconds <= within_s for each in asked)
    assert (live_faults(asked, within_s) == []) == good


class Answering(BaseHTTPRequestHandler):
    """Answers 200 and 503 in turns."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200 if self.asked % 2 else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is to be told."""


@pytest.fixture
def half_answering() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


class AfterSome(threading.Event):
    """Is set when it was waited for a few times."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return self.waits > 3


def test_each_status_of_live_is_noted(half_answering: str) -> None:
    asked = ask_live(half_answering, AfterSome())
    assert [each.status for each in asked] == [200, 503, 200, 503]


def test_a_live_that_nobody_answers_is_noted_and_asked_again() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        asked = ask_live(f"127.0.0.1:{reserved.getsockname()[1]}", AfterSome())
    assert [each.status for each in asked] == [NO_ANSWER] * 4


def test_a_live_that_hangs_up_in_the_middle_is_not_answered() -> None:
    def hang_up(server: socket.socket) -> None:
        for _ in range(4):
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        asked = ask_live(f"127.0.0.1:{server.getsockname()[1]}", AfterSome())
    assert [each.status for each in asked] == [NO_ANSWER] * 4


def test_live_is_asked_also_when_the_time_is_over_at_once() -> None:
    over = threading.Event()
    over.set()
    assert len(ask_live("127.0.0.1:1", over)) == 1


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.logs.mkdir(parents=True)
    return made


def test_faults_are_read_from_the_log_of_nginx_and_of_the_application(home: Home) -> None:
    (home.logs / "application.log").write_text(
        'Started\n{"status": 500, "method": "PUT", "path": "/a"}\n{"message": "no request"}\n'
    )
    (home.logs / "access.log").write_text(
        '{"status":502,"method":"GET","path":"/b"}\n{"status":501,"method":"FOO","path":"/"}\n'
        '{"status":200,"method":"GET","path":"/"}\n'
    )
    statuses, errors = logged(home, "nginx")
    assert statuses == {500: 1, 502: 1, 501: 1, 200: 1}
    assert errors == ["access.log: 502 GET /b", "application.log: 500 PUT /a"]
    statuses, errors = logged(home, "alone")
    assert statuses == {500: 1}


def test_the_logs_are_those_that_a_stack_on_this_machine_writes() -> None:
    written = {name for each in (Nginx.name, Application.name) for name in FILES[each]}
    assert {name for names in run.LOGS.values() for name in names} <= written


@pytest.mark.parametrize("name", ["access.log", "application.log"])
def test_a_log_that_is_not_there_is_an_error_and_no_silence(home: Home, name: str) -> None:
    other = {"access.log": "application.log", "application.log": "access.log"}[name]
    (home.logs / other).write_text("")
    with pytest.raises(SkytierError, match=name):
        logged(home, "nginx")


def test_a_schemathesis_that_sends_nothing_is_an_error() -> None:
    with pytest.raises(SkytierError, match="Schemathesis ended with 2"):
        run.schemathesis("http://127.0.0.1:1", {}, seed=1, seconds=5)
