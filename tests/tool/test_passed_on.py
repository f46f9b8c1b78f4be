"""Web servers behind a load balancer that passes connections on: Nginx, and a HAProxy that is told
what Octavia tells the one of an amphora."""

import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from skytier.poll import until
from skytier.services.nginx.config import Health, LoadBalancer, NginxConfig, Tls, nginx_conf
from tests.nginx import NGINX, USER, Nginx
from tests.skytier_command import free_port

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(not (NGINX and HAPROXY), reason="needs Nginx and HAProxy")
VISITOR = "127.0.0.77"
QUESTION = "/.skytier/health"
CLAIMS = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/elsewhere",
}
"""What a client may say of itself."""
# As octavia/common/jinja/haproxy/combined_listeners/templates, with a shorter interval.
AS_OCTAVIA = """\
defaults
    timeout connect 5000
    timeout client 3600000
    timeout server 3600000
    retries 3
    option redispatch
"""
LISTENER = """\
frontend at{port}
    bind 127.0.0.1:{port}
    mode tcp
    default_backend pool{port}
backend pool{port}
    mode tcp
    balance leastconn
    timeout check 3s
    option httpchk GET {question} HTTP/1.0
    http-check expect rstatus 200
    server member 127.0.0.1:{to} weight 1 check inter 1s fall 2 rise 1 port {asked} send-proxy
"""


class Application(BaseHTTPRequestHandler):
    """Says who the visitor is, and which claims of the visitor came through."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        names = ("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto")
        also = [each for each in CLAIMS if self.headers[each] and each not in names]
        said = " ".join([*(str(self.headers[each]) for each in names), *also]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Behind:
    """A web server, and the ports that lead to it."""

    home: Path
    nginx: Nginx
    http: int
    https: int
    passed: int
    """Where the load balancer passes HTTP on."""
    direct: int

    @property
    def drained(self) -> Path:
        """The file that drains it."""
        return self.home / "drained"

    def log(self) -> str:
        return (self.home / "access.log").read_text()


def _made(home: Path, believed: str) -> Iterator[Behind]:
    application = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    (home / "nginx").mkdir()
    names = ("direct", "tls", "http", "https", "passed", "passed_tls", "asked")
    ports = {name: free_port() for name in names}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop"),
            *("-days", "2", "-keyout", f"{home}/key", "-out", f"{home}/certificate"),
        ],
        check=True,
        capture_output=True,
    )
    health = Health(QUESTION, "/", "shop.example.org", [f"{home}/drained"])
    config = NginxConfig(
        *([at["direct"]], [f"127.0.0.1:{application.server_port}"], home, home, home, USER),
        load_balancer=LoadBalancer(
            [believed], [at["passed"]], [at["passed_tls"]], at["asked"], health
        ),
        tls=Tls([at["tls"]], home / "certificate", home / "key", 60),
    )
    (home / "nginx.conf").write_text(f"daemon off;\n{nginx_conf(config)}")
    asked = {"question": QUESTION, "asked": ports["asked"]}
    listeners = [
        LISTENER.format(port=ports[port], to=ports[to], **asked)
        for port, to in (("http", "passed"), ("https", "passed_tls"))
    ]
    (home / "haproxy.cfg").write_text("\n".join([AS_OCTAVIA, *listeners]))
    nginx = Nginx(home, ports["direct"])
    with nginx:
        front = subprocess.Popen([str(HAPROXY), "-f", f"{home}/haproxy.cfg"])
        try:
            behind = Behind(
                *(home, nginx, ports["http"], ports["https"], ports["passed"], ports["direct"])
            )
            assert until(lambda: _answers(behind.https), 60, 0.1)
            yield behind
        finally:
            front.terminate()
            front.wait(30)
            application.shutdown()
            application.server_close()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One that believes what this machine says of visitors."""
    yield from _made(tmp_path_factory.mktemp("behind"), "127.0.0.0/8")


@pytest.fixture
def mistrusting(tmp_path: Path) -> Iterator[Behind]:
    """One to which the load balancer comes from another network than it believes."""
    yield from _made(tmp_path, "192.168.128.0/24")


def visitor(port: int, *, tls: bool) -> http.client.HTTPConnection:
    """A connection from an address that is not the load balancer's."""
    source = (VISITOR, 0)
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, 30, source_address=source)
    context = ssl._create_unverified_context()  # it signed its certificate itself
    return http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=30, source_address=source, context=context
    )


def _answers(port: int) -> bool:
    connection = visitor(port, tls=True)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def said(connection: http.client.HTTPConnection) -> tuple[int, str]:
    connection.request("GET", "/", headers=CLAIMS)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_application_sees_the_visitor_and_not_the_load_balancer(behind: Behind) -> None:
    assert said(visitor(behind.https, tls=True)) == (200, f"{VISITOR} {VISITOR} https")
    status, _ = said(visitor(behind.http, tls=False))
    assert status == 308
    assert behind.log().count(f'"client":"{VISITOR}"') >= 2


def test_a_redirect_of_nginx_names_no_port(behind: Behind) -> None:
    (behind.home / "static" / "images").mkdir(parents=True)
    connection = visitor(behind.https, tls=True)
    connection.request("GET", "/static/images")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, "/static/images/")


def test_who_comes_past_the_load_balancer_is_believed_nothing(mistrusting: Behind) -> None:
    status, told = said(visitor(mistrusting.https, tls=True))
    assert (status, told) == (200, "127.0.0.1 127.0.0.1 https")
    # Nginx closes a connection that does not say whose it is.
    with socket.create_connection(("127.0.0.1", mistrusting.passed), 30) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert plain.recv(1024) == b""


def test_a_drained_one_is_left_and_what_visitors_keep_open_ends_after_its_answer(
    behind: Behind,
) -> None:
    kept = visitor(behind.https, tls=True)
    assert said(kept)[0] == 200
    behind.drained.touch()
    assert until(lambda: not _answers(behind.https), 60, 0.1)
    # It was open before, and would lead here for as long as the visitor asks.
    assert said(kept)[0] == 200
    # As skytier-drain does.
    behind.nginx._process.send_signal(signal.SIGHUP)
    assert kept.sock
    kept.sock.settimeout(60)
    assert kept.sock.recv(1024) == b""
    # The web server itself goes on, and comes back.
    assert httpx.get(f"http://127.0.0.1:{behind.direct}/", trust_env=False).status_code == 308
    behind.drained.unlink()
    assert until(lambda: _answers(behind.https), 60, 0.1)
