"""A release that serves is not started again because it was not healthy in one look."""

import os
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from skytier import release
from tests.background_server import running

SYSTEMCTL = """#!/bin/sh
case "$*" in
    *Environment*) echo "SKYTIER_HOST=127.0.0.1 SKYTIER_PORT={port} SKYTIER_SITE=shop" ;;
    *ActiveState*) printf 'ActiveState=active\\nNRestarts=0\\n' ;;
    *restart*) touch "{started}" ;;
esac
"""


class Application(BaseHTTPRequestHandler):
    """Says the first time that its database is away."""

    server: "Answers"

    def do_GET(self) -> None:
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Answers(ThreadingHTTPServer):
    statuses: list[int]


@pytest.fixture
def application() -> Iterator[Answers]:
    with running(Answers(("127.0.0.1", 0), Application)) as server:
        server.statuses = [503]
        yield server


class Here:
    """This machine, with directories and a systemctl of the test's."""

    name = "shop-web-1"

    def __init__(self, root: Path, port: int) -> None:
        self._root = root
        self.started = root / "started"
        for place in ("opt/skytier/releases/1-abc", "run", "var/lib/skytier", "bin"):
            (root / place).mkdir(parents=True)
        self._program("opt/skytier/releases/1-abc/skytier-app", "#!/bin/sh\n")
        self._program("bin/systemctl", SYSTEMCTL.format(port=port, started=self.started))
        (root / "opt/skytier/current").symlink_to("releases/1-abc")

    def _program(self, path: str, text: str) -> None:
        (self._root / path).write_text(text)
        (self._root / path).chmod(0o755)

    def run(self, script: str, stdin: bytes | None = None) -> str:
        for place in ("/opt/skytier", "/run/skytier", "/var/lib/skytier"):
            script = script.replace(place, f"{self._root}{place}")
        path = f"{self._root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            input=stdin,
            env={**os.environ, "PATH": path},
            check=True,
            stdout=subprocess.PIPE,
        )
        return done.stdout.decode()


def test_it_is_looked_at_again_before_it_is_started_again(
    application: Answers, tmp_path: Path
) -> None:
    here = Here(tmp_path, application.server_port)

    assert not release.activate(here, "1-abc")

    assert application.statuses == []
    assert not here.started.exists()
