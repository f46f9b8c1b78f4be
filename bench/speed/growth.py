"""How the application grows: with its workers, with its table, with open connections, with time."""

import resource
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.speed import contenders, database, entry_point, load, machine
from bench.speed.contenders import CONTENDERS
from bench.speed.database import Database
from bench.speed.measure import MAIN, Plan, Sample, Setting, measure
from bench.speed.results import Result, results
from bench.speed.server import Server
from bench.speed.subjects import Application
from bench.speed.work import Request, Works, works

SKYTIER = CONTENDERS[0]
READS = ("one", "list", "page", "search", "stats")
"""What must not slow down with the table; `stats` has the counts."""
WITH_WORKERS = ("one", "list", "create")
ROUNDS, SECONDS = 7, 0.5
MEMORY_SLICE_S = 20
IDLE_TIMEOUT_S = 5
FROM_ONE_ADDRESS = 5000


@dataclass(frozen=True)
class Step:
    """One size of what grows, and what was found there for a kind of work."""

    size: int
    work: str
    result: Result


@dataclass(frozen=True)
class OpenStep:
    """So many connections lay idle at Nginx while 32 others were at work."""

    size: int
    held: int
    """How many of them were still open afterwards."""
    result: Result


@dataclass(frozen=True)
class Sized:
    """The application at one size, with requests that fit."""

    name: str
    application: Application
    works: Works

    def can(self, work: str, setting: Setting) -> bool:
        """Everything."""
        return True

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """The application's, under this name."""
        own = self.works[work]
        return replace(self.application.sample(work, own, setting, seconds), contender=self.name)


def with_workers(sizes: Sequence[int], posts: int) -> Iterator[Step]:
    """With as many worker processes, all on one table, measured in turn."""
    with _directory() as directory, database.running(posts) as data, ExitStack() as stack:
        subjects = [_started(stack, data, directory, size, workers=size) for size in sizes]
        yield from _measured(subjects, WITH_WORKERS)
        data.forget_new_posts()


def with_posts(sizes: Sequence[int]) -> Iterator[Step]:
    """With as many posts, each table in a cluster of its own, measured in turn."""
    with _directory() as directory, ExitStack() as stack:
        clusters = {size: stack.enter_context(database.running(size)) for size in sizes}
        subjects = [_started(stack, data, directory, size) for size, data in clusters.items()]
        yield from _measured(subjects, READS)


def with_open_connections(sizes: Sequence[int], posts: int) -> Iterator[OpenStep]:
    """With as many connections that lie idle at Nginx, while 32 others ask for one post."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _directory() as directory, database.running(posts) as data, ExitStack() as stack:
        subject = _started(stack, data, directory, 1)
        for size in sizes:
            with _idle(subject.application.nginx, size) as idle:
                (step,) = _measured([subject], ("one",))
                yield OpenStep(size, sum(map(_is_open, idle)), step.result)


def with_time(requests: int, posts: int) -> Iterator[tuple[int, float]]:
    """What a worker holds, in MiB, after every so many requests up to `requests`."""
    with _directory() as directory, database.running(posts) as data, ExitStack() as stack:
        subject = _started(stack, data, directory, 1)
        server, sent = subject.application.server, 0
        load.run(server.address, subject.works["one"], MAIN.connections, SECONDS)  # warms up
        yield 0, server.memory_mib()
        while sent < requests:
            reads = subject.works["one"]
            sent += load.run(server.address, reads, MAIN.connections, MEMORY_SLICE_S).requests
            server.shorten_logs()
            yield sent, server.memory_mib()


def _started(
    stack: ExitStack, data: Database, directory: Path, size: int, *, workers: int = 1
) -> Sized:
    own = directory / str(size)
    own.mkdir()
    own.chmod(0o711)
    server = contenders.start(SKYTIER, data, own, workers=workers)
    stack.callback(server.stop)
    nginx = entry_point.start("nginx", server.address, own)
    stack.callback(nginx.stop)
    requests = {**works(data), "stats": [Request("/api/stats")]}
    return Sized(str(size), Application(SKYTIER.name, server, nginx), requests)


def _measured(subjects: Sequence[Sized], kinds: Sequence[str]) -> Iterator[Step]:
    plan = Plan(MAIN, kinds, ROUNDS, SECONDS)
    found = results(measure([plan], subjects, subjects[0].works))
    for (work, _, name), result in found.items():
        machine.say(f"{name}: {work} {result.rps:.0f}/s")
        yield Step(int(name), work, result)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="skytier-bench") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@contextmanager
def _idle(nginx: Server, number: int) -> Iterator[list[socket.socket]]:
    """Connections that have asked once, and stay."""
    host, _, port = nginx.address.rpartition(":")
    with ExitStack() as stack:
        idle = []
        for n in range(number):
            # An address has 28,000 ports for clients, and wrk needs some: all of 127/8 is ours.
            source = (f"127.0.1.{1 + n // FROM_ONE_ADDRESS}", 0)
            try:
                one = stack.enter_context(
                    socket.create_connection((host, int(port)), IDLE_TIMEOUT_S, source)
                )
                one.sendall(Request("/health/live").raw(nginx.address))
                one.recv(4096)
            except OSError:
                continue  # refused: it is not held, and that is what is counted
            idle.append(one)
        yield idle


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
