"""The entry point: the rendered file before `nginx -t`, and requests through the real Nginx."""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import httpx
import pytest

from skytier.local.home import Home
from skytier.local.monitor import ports, token
from skytier.local.monitor.processes import METRICS
from skytier.poll import until
from skytier.services.nginx.config import NginxConfig, nginx_conf
from tests.as_user import may, needs_root
from tests.skytier_command import Skytier, free_port

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"


@pytest.fixture
def client(shared: Skytier) -> httpx.Client:
    return httpx.Client(base_url=shared.url())


@pytest.mark.parametrize(
    ("listen", "upstreams", "user"),
    [
        (["127.0.0.1:8000"], ["unix:/run/application.sock"], None),
        (["[::1]:8000"], ["unix:/run/application.sock"], None),
        (["80 default_server", "[::]:80"], ["10.0.0.4:8000", "10.0.0.5:8000"], "nobody nogroup"),
    ],
    ids=["this machine", "IPv6", "two applications"],
)
def test_nginx_accepts_the_rendered_file(
    tmp_path: Path, listen: list[str], upstreams: list[str], user: str | None
) -> None:
    (tmp_path / "nginx").mkdir()
    config = NginxConfig(listen, upstreams, tmp_path / "static", tmp_path, tmp_path, user)
    conf = tmp_path / "nginx.conf"
    conf.write_text(nginx_conf(config))

    checked = subprocess.run([NGINX, "-t", "-c", conf], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_pages_carry_one_request_id_of_nginx_and_no_version(client: httpx.Client) -> None:
    answer = client.get("/health", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 200
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.headers["Server"] == "nginx"
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]


def test_the_application_logs_the_request_id_of_nginx_and_the_real_client(
    shared: Skytier, client: httpx.Client
) -> None:
    answer = client.get("/health", headers={"X-Forwarded-For": "198.51.100.7"})

    def noted() -> list[str]:
        log = shared.run("logs", "application", "--lines", "20")
        return [line for line in log.splitlines() if answer.headers["X-Request-ID"] in line]

    # It is written once it is answered.
    (line,) = until(noted, 60)
    assert '"client": "127.0.0.1"' in line


def test_static_files_come_from_nginx_to_be_kept_for_a_year(
    shared: Skytier, client: httpx.Client
) -> None:
    static = shared.home / "static" / "static"
    for path in (next(static.rglob("page.css")), next((static / "vendor").rglob("*.css"))):
        answer = client.get(f"/static/{path.relative_to(static)}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_browser_gets_an_error_of_nginx_as_a_page(client: httpx.Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "text/html,application/xhtml+xml"})

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<h1>Not Found</h1>" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/metrics?a=b"]
)
def test_metrics_are_not_open_to_the_public(shared: Skytier, path: str) -> None:
    answer = send(shared, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")

    assert_problem(answer, 404, "Not Found")


def test_a_body_that_is_too_large_is_answered_with_a_problem_document(client: httpx.Client) -> None:
    answer = client.post("/api/posts", content=b"x" * (1024 * 1024 + 1))

    assert_problem(answer, 413, "Content Too Large")


@pytest.mark.parametrize(
    ("request_text", "status", "title"),
    [
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Bad Request"),
        (f"GET /{'x' * 20_000} HTTP/1.1\r\nHost: a\r\n\r\n", 414, "URI Too Long"),
        (
            f"GET / HTTP/1.1\r\nHost: a\r\nX: {'x' * 20_000}\r\n\r\n",
            431,
            "Request Header Fields Too Large",
        ),
        ("POST /static/vendor/vendor.json HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Method Not Allowed"),
        ("GET /static/ HTTP/1.1\r\nHost: a\r\n\r\n", 403, "Forbidden"),
        ("GET /.problem HTTP/1.1\r\nHost: a\r\n\r\n", 404, "Not Found"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Method Not Allowed"),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "HTTP Version Not Supported"),
        (
            "POST /api/posts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n",
            501,
            "Not Implemented",
        ),
    ],
    ids=[
        *("malformed", "long address", "long header", "static POST", "directory", "internal"),
        *("TRACE", "another version", "unknown encoding"),
    ],
)
def test_errors_of_nginx_itself_are_problem_documents(
    shared: Skytier, request_text: str, status: int, title: str
) -> None:
    assert_problem(send(shared, request_text), status, title)


@pytest.mark.parametrize(
    ("request_text", "status", "title"),
    [
        ("FOO /api/posts HTTP/1.1\r\nHost: a\r\n\r\n", 501, "Not Implemented"),
        ("BREW /api/posts HTTP/1.1\r\nHost: a\r\n\r\n", 501, "Not Implemented"),
        ("PROPFIND /api/posts HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Method Not Allowed"),
        ("GET /api/posts?q=café HTTP/1.1\r\nHost: a\r\n\r\n", 400, "Bad Request"),
        ("GET /日本 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "Bad Request"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n" + "".join(f"X{n}: x\r\n" for n in range(110)) + "\r\n",
            431,
            "Request Header Fields Too Large",
        ),
    ],
    ids=["a method", "another method", "WebDAV", "raw query", "raw path", "many headers"],
)
def test_what_nginx_passes_on_and_uvicorn_refuses_is_a_problem_document(
    shared: Skytier, request_text: str, status: int, title: str
) -> None:
    answer = send(shared, request_text)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["title"], answer.json()["status"]) == (title, status)


@needs_root
def test_a_user_of_this_machine_can_neither_pass_for_nginx_nor_read_metrics(
    shared: Skytier,
) -> None:
    home = Home(shared.home)
    port = ports.remembered(home)[METRICS]
    address = f"http://127.0.0.1:{port}/metrics"
    bearer = {"Authorization": f"Bearer {token.of(home)}"}

    assert may("www-data", lambda: connect(home.application_socket))
    assert not may("nobody", lambda: connect(home.application_socket))
    assert not may("nobody", lambda: token.of(home))
    assert not may("nobody", lambda: (home.etc / "nginx.conf").read_text())
    assert httpx.get(address).status_code == 404
    assert httpx.get(address, headers=bearer).status_code == 200


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.fixture
def limited(shared: Skytier, tmp_path: Path) -> Iterator[str]:
    """An Nginx with small limits, for this machine too, before the application of the stack."""
    tmp_path.chmod(0o711)
    (tmp_path / "nginx").mkdir()
    config = NginxConfig(
        [f"127.0.0.1:{(port := free_port())}"],
        [f"unix:{Home(shared.home).application_socket}"],
        tmp_path / "static",
        tmp_path,
        tmp_path,
        "www-data www-data" if os.geteuid() == 0 else None,
        unlimited=(),
        requests_per_s=1,
        requests_burst=4,
        requests_at_once=2,
    )
    conf = tmp_path / "nginx.conf"
    conf.write_text(nginx_conf(config))
    with subprocess.Popen([NGINX, "-c", conf, "-g", "daemon off;"]) as popen:
        url = f"http://127.0.0.1:{port}"
        assert until(lambda: answers(f"{url}/.problem"), 120)
        yield url
        popen.terminate()


def answers(url: str) -> bool:
    try:
        return bool(httpx.get(url).status_code)
    except httpx.TransportError:
        return False


def test_an_address_that_asks_more_than_it_may_is_told_when_to_come_again(limited: str) -> None:
    with httpx.Client(base_url=limited) as client:
        refused = [each for _ in range(20) if (each := client.get("/health")).status_code == 429]

    assert refused
    assert_problem(refused[0], 429, "Too Many Requests")
    assert refused[0].headers["Retry-After"] == "1"


def test_an_address_has_so_many_requests_at_once_and_no_more(limited: str) -> None:
    url = httpx.URL(limited)
    head = b"POST /api/posts HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    waiting = [socket.create_connection((url.host, url.port or 80)) for _ in range(2)]
    for each in waiting:
        each.sendall(head)

    def is_refused() -> bool:
        return httpx.get(f"{limited}/health").status_code == 429

    assert until(is_refused, 60)
    for each in waiting:
        each.close()


def test_this_machine_and_nobody_else_has_no_limit_by_default() -> None:
    text = nginx_conf(NginxConfig(["80"], ["unix:/run/a"], Path("/s"), Path("/run"), Path("/log")))

    found = re.search(r"geo \$is_local {\s+default 0;\s+127.0.0.0/8 1;\s+::1/128 1;\s+}", text)
    assert found, text


def test_nginx_holds_no_body_back_so_that_the_application_sees_it_drip(shared: Skytier) -> None:
    # The application answers before the body has come: it was told of it at once.
    request = b"DELETE /api/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx"
    url = httpx.URL(shared.url())
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        connection.sendall(request)
        assert b" 404 " in connection.makefile("rb").readline()


def test_without_the_application_nginx_answers_with_a_problem_document(stack: Skytier) -> None:
    os.killpg(stack.pid("application"), signal.SIGKILL)

    answer = httpx.get(f"{stack.url()}/health")

    assert_problem(answer, 502, "Bad Gateway")


def send(stack: Skytier, text: str) -> httpx.Response:
    """The answer to a request just as it is written here; no client tidies it up."""
    url = httpx.URL(stack.url())
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        connection.sendall(text.encode())
        with connection.makefile("rb") as said:
            status = int(said.readline().split()[1])
            fields = [line.partition(": ") for line in iter(lambda: _line(said), "")]
            headers = httpx.Headers([(name, value) for name, _, value in fields])
            # It may come in pieces.
            body = said.read(int(headers["Content-Length"]))
    return httpx.Response(status, headers=headers, content=body)


def _line(said: BufferedReader) -> str:
    return said.readline().decode().rstrip("\r\n")


def assert_problem(answer: httpx.Response, status: int, title: str) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.json()
    assert document["detail"]
    assert document | {"detail": ""} == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": "",
        "request_id": answer.headers["X-Request-ID"],
    }
