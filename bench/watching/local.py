"""The monitor of a stack on this machine."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench.own_stack import address, own_stack, run
from bench.watching.watched import Parts, Used
from skytier.errors import SkytierError
from skytier.local.home import Home
from skytier.local.monitor import processes
from skytier.local.monitor.source import source
from skytier.local.stack import LocalStack
from skytier.services.prometheus.charts import UP


class Here:
    """The stack in a home."""

    where = "on this machine"

    def __init__(self, home: Home) -> None:
        self._home = home
        self.address = address(home)

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
    """Up with so many posts, and removed at the end. Raises SkytierError without a Prometheus."""
    with own_stack("--workers", "1") as home:
        run(home, "demo-data", "--users", "100", "--posts", str(posts))
        if processes.PROMETHEUS not in LocalStack(home).monitor.started():
            raise SkytierError(
                "This machine has no Prometheus to measure.",
                "Install the packages prometheus and prometheus-alertmanager, and the exporters.",
            )
        yield Here(home)
