"""A contender's processes: started, asked until they answer, measured from outside, ended."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.speed.work import Request
from skytier import files
from skytier.errors import SkytierError

HEALTH = Request("/health")
START_TIMEOUT_S = 180
ANSWER_TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes
    link: str | None
    """The `Link` header."""


class Server:
    """One contender, serving on a port of the loopback interface."""

    def __init__(
        self,
        name: str,
        port: int,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        logs: Sequence[Path],
    ) -> None:
        """Start a command that listens on `port`. The first of the logs gets its output."""
        self.name = name
        self._logs = logs
        self.address = f"127.0.0.1:{port}"
        began = time.perf_counter()
        with logs[0].open("ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                env=dict(environment),
                cwd=Path(__file__).parents[1],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self._wait(began + START_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise
        self.started_in_s = time.perf_counter() - began
        """From the start of the process to its first answer."""

    def ask(self, request: Request = HEALTH) -> Answer:
        """What it answers. Raises OSError and http.client.HTTPException."""
        connection = http.client.HTTPConnection(self.address, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers.get("Link"))
        finally:
            connection.close()

    def cpu_s(self) -> float:
        """Processor time that its processes have used until now."""
        return sum(sum(p.cpu_times()[:2]) for p in self._processes())

    def memory_mib(self) -> float:
        """What its processes hold, shared pages divided among their owners (PSS)."""
        return sum(p.memory_full_info().pss for p in self._processes()) / 2**20

    def has_loaded(self, library: str) -> bool:
        """Whether a process of it has mapped a file of this package."""
        maps = "".join(Path(f"/proc/{p.pid}/maps").read_text() for p in self._processes())
        return f"/{library}/" in maps

    def shorten_logs(self) -> None:
        """Drop what it has logged: a run of many requests would fill the disk."""
        for log in self._logs:
            os.truncate(log, 0)

    def stop(self) -> None:
        """End it, and what is left of its processes."""
        rest = self._processes()
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        _, rest = psutil.wait_procs(rest, timeout=10)
        for process in rest:
            process.kill()
        self._popen.wait()

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._popen.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _wait(self, until: float) -> None:
        while not self._answers():
            if self._popen.poll() is not None or time.perf_counter() > until:
                raise SkytierError(
                    f"{self.name} did not start:\n{files.last_lines(self._logs[0], 20)}",
                    "Fix the cause, or leave it out with --only.",
                )
            time.sleep(0.005)

    def _answers(self) -> bool:
        try:
            return self.ask().status < 500
        except (OSError, http.client.HTTPException):
            return False


def free_port() -> int:
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
