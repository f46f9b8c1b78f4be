"""A stack of the measurement's own on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.speed.server import free_port
from bench.watching.watched import Parts, Used
from skytier.errors import SkytierError
from skytier.local import options
from skytier.local.home import Home
from skytier.local.monitor import processes
from skytier.local.monitor.source import source
from skytier.local.stack import LocalStack
from skytier.metrics.catalogue import UP

SKYTIER = Path(sys.executable).with_name("skytier")


class Here:
    """The stack in a home."""

    where = "on this machine"

    def __init__(self, home: Home) -> None:
        self._home = home
        self.address = options.load(home).url.removeprefix("http://").rstrip("/")

    def used(self) -> Parts:
        """From /proc."""
        found = {}
        for name, process in self._processes().items():
            times = process.cpu_times()
            memory = process.memory_full_info().pss / 2**20
            found["localhost", name] = Used(times.user + times.system, memory)
        return found

    def answers(self) -> bool:
        """Whether its Prometheus knows what answers."""
        try:
            figures = source(LocalStack(self._home))
            return figures.name == "Prometheus" and bool(figures.latest(UP))
        except SkytierError:
            return False

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes().values():
            process.send_signal(number)

    def _processes(self) -> dict[str, psutil.Process]:
        states = LocalStack(self._home).monitor.states()
        return {name: psutil.Process(each.pid) for name, each in states.items() if each.pid}


@contextmanager
def local_stack(posts: int) -> Iterator[Here]:
    """Up with so many posts, and gone at the end. Raises SkytierError without a Prometheus."""
    # A short path that PostgreSQL's user can pass.
    root = Path(tempfile.mkdtemp(prefix="sky"))
    root.chmod(0o711)
    home = root / "home"

    def run(*words: str) -> None:
        subprocess.run(
            [SKYTIER, *words],
            check=True,
            env={**os.environ, "SKYTIER_HOME": str(home)},
            stdout=subprocess.DEVNULL,
        )

    try:
        run("up", "--port", str(free_port()), "--workers", "1")
        run("demo-data", "--users", "100", "--posts", str(posts))
        if processes.PROMETHEUS not in LocalStack(Home(home)).monitor.started():
            raise SkytierError(
                "This machine has no Prometheus to measure.",
                "Install the packages prometheus and prometheus-alertmanager, and the exporters.",
            )
        yield Here(Home(home))
    finally:
        run("down", "--purge", "--yes")
        shutil.rmtree(root)
