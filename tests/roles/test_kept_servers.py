"""What HAProxy's checks found of web servers, kept for its next process; with a real HAProxy."""

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from skytier import roles
from skytier.services.haproxy.service import CONFIG, KEEP, KEPT, SOCKET
from tests.background_server import running
from tests.roles.topology import BALANCED, BALANCER, topology
from tests.waiting import wait_until

HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
pytestmark = pytest.mark.skipif(not HAPROXY, reason="needs haproxy")
FILES = {
    file.path: file.text
    for file in roles.setup(topology("web.count = 2", BALANCED), BALANCER).files
}
SAID = {"shop-web-1": 200, "shop-web-2": 404, "shop-web-3": 503}
"""What each web server says to the balancer: the second one is drained, the third is broken."""
FOUND = {"shop-web-1": "UP", "shop-web-2": "NOLB", "shop-web-3": "DOWN"}
UNASKED = ("inter 1s", "inter 1h")
FORGOTTEN = dict.fromkeys(FOUND, "UP")


class Balancer:
    """HAProxy before web servers on loopback, whose files are below a directory."""

    def __init__(self, root: Path, addresses: Mapping[str, str]) -> None:
        self.root, self.addresses = root, addresses
        self.port = next(iter(addresses.values())).rpartition(":")[2]
        self.kept = root / "kept"
        self.kept.write_text("1\n")

    def here(self, text: str) -> str:
        """A file of the machine, as it is for this one."""
        for path in (KEPT, SOCKET):
            text = text.replace(path, str(self.root / Path(path).name))
        return text.replace(str(self.root / Path(KEPT).name), str(self.kept))

    @contextmanager
    def started(self, change: tuple[str, str] = ("", "")) -> Iterator[None]:
        """HAProxy with its configuration, in which something else may be in place of a pattern."""
        text = re.sub(r"^ +(user|group|chroot) .*\n", "", self.here(FILES[CONFIG]), flags=re.M)
        text = re.sub(r"^    bind \S*:(\d+)$", rf"    bind unix@{self.root}/\1", text, flags=re.M)
        listed = "\n".join(f"    server {name} {each}" for name, each in self.addresses.items())
        text = re.sub(r"(    server shop-web-\S+ \S+\n)+", f"{listed}\n", text)
        text = re.sub(*change, text) if all(change) else text
        (self.root / "haproxy.cfg").write_text(text)
        assert HAPROXY
        command = [HAPROXY, "-db", "-f", str(self.root / "haproxy.cfg")]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                wait_until(lambda: process.poll() is not None or self._asked("show info"))
                assert process.poll() is None, process.communicate()[1].decode()
                yield
            finally:
                process.kill()
                (self.root / Path(SOCKET).name).unlink(missing_ok=True)

    def states(self) -> dict[str, str]:
        """Web server to what the balancer makes of it, in the words of FOUND."""
        said = csv.DictReader(self._asked("show stat web 4 -1").removeprefix("# ").splitlines())
        rows = {row["svname"]: row for row in said if row["svname"]}
        assert {name: row["addr"] for name, row in rows.items()} == self.addresses
        return {name: row["status"].split()[0] for name, row in rows.items()}

    def keep(self, port: str = "") -> int:
        """What the machine runs before a reload and a stop. Returns its exit code."""
        text = self.here(FILES[KEEP]).replace('"8080"', f'"{port or self.port}"')
        return subprocess.run([sys.executable, "-c", text], check=False).returncode

    def _asked(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as asked:
            try:
                asked.connect(str(self.root / Path(SOCKET).name))
                asked.sendall(f"{command}\n".encode())
                return b"".join(iter(lambda: asked.recv(65536), b"")).decode()
            except OSError:
                return ""


def saying(status: int, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A web server that says this to the balancer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(address, Handler)


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    # The path of a socket has to be short.
    with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
        addresses, port = {}, 0
        for number, (name, status) in enumerate(SAID.items(), 1):
            server = saying(status, (f"127.0.0.{number}", port))
            stack.enter_context(running(server))
            port = server.server_address[1]
            addresses[name] = f"127.0.0.{number}:{port}"
        yield Balancer(Path(root), addresses)


def test_the_next_process_begins_with_what_the_one_before_found(balancer: Balancer) -> None:
    with balancer.started():
        wait_until(lambda: balancer.states() == FOUND)
        assert balancer.keep() == 0
    # It has asked none of those that are out.
    with balancer.started(UNASKED):
        assert balancer.states() == FOUND


def test_what_was_found_at_another_port_is_not_kept(balancer: Balancer) -> None:
    with balancer.started():
        wait_until(lambda: balancer.states() == FOUND)
        assert balancer.keep(port="8081") == 0
    with balancer.started(UNASKED):
        assert balancer.states() == FORGOTTEN


def test_without_an_answer_the_former_file_stays(balancer: Balancer) -> None:
    balancer.kept.write_text("1\nformer\n")
    assert balancer.keep() != 0
    # The distribution's own instance has no such web servers.
    with balancer.started((r"(?<= |\()web(?=\)|\n)", "others")):
        assert balancer.keep() != 0
    assert balancer.kept.read_text() == "1\nformer\n"
