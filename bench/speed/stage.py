"""Everything that is measured, started one after the other, compared, and ended."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.speed import answers, contenders, entry_point, machine
from bench.speed.contenders import CONTENDERS, PRODUCT
from bench.speed.database import Database
from bench.speed.measure import Subject
from bench.speed.pgbench import Pgbench
from bench.speed.server import Server
from bench.speed.subjects import Application, Limit
from bench.speed.work import Works, works

LIMITS = ("pgbench", "nginx_fixed", "nginx_cached")
READS = ("one", "list", "page", "search", "health")
NAMES = (*(contender.name for contender in CONTENDERS), *LIMITS)


@dataclass(frozen=True)
class Stage:
    """What runs, ready to be measured."""

    works: Works
    applications: Sequence[Application]
    limits: Sequence[Subject]

    @property
    def subjects(self) -> Sequence[Subject]:
        """All of them."""
        return [*self.applications, *self.limits]


@contextmanager
def ready(names: Sequence[str], data: Database, directory: Path) -> Iterator[Stage]:
    """The named contenders and limits, for the time of the block.

    Raises SkytierError when one does not start, or answers otherwise than the product.
    """
    with ExitStack() as stack:
        applications = {}
        for contender in CONTENDERS:
            # The product runs in any case: it says what the right answers are.
            if contender.name in names or contender.name == PRODUCT:
                server = contenders.start(contender, data, directory)
                stack.callback(server.stop)
                nginx = entry_point.start(f"{contender.name}-nginx", server.address, directory)
                stack.callback(nginx.stop)
                applications[contender.name] = Application(contender.name, server, nginx)
                machine.say(f"{contender.title} answers after {server.started_in_s:.2f} s")
        requests = works(data)
        product = applications[PRODUCT].server
        answers.compare([one.server for one in applications.values()], product, requests)
        data.forget_new_posts()
        machine.say("All give the same answers.")
        limits: list[Subject] = []
        if "pgbench" in names:
            limits.append(Pgbench(data, product, requests, directory))
        for limit in _nginx_limits(names, product, directory, requests):
            stack.callback(limit.nginx.stop)
            limits.append(limit)
        kept = [one for name, one in applications.items() if name in names]
        yield Stage(requests, kept, limits)


def _nginx_limits(
    names: Sequence[str], product: Server, directory: Path, requests: Works
) -> Iterator[Limit]:
    same = {work: replace(requests[work][0], cached=True) for work in READS}
    if "nginx_fixed" in names:
        bodies = {  # without a query: Nginx chooses by the path
            same[work].path: product.ask(same[work]).body.decode()
            for work in ("one", "list", "health")
        }
        change = entry_point.answering(bodies)
        nginx = entry_point.start("nginx_fixed", product.address, directory, change)
        yield Limit(nginx.name, nginx, same)
    if "nginx_cached" in names:
        nginx = entry_point.start("nginx_cached", product.address, directory)
        kept = {work: request for work, request in same.items() if work != "health"}
        yield Limit(nginx.name, nginx, kept)
