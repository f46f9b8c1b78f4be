"""The stack that is measured: a web server and the members of its database, in containers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.cluster.cluster import Cluster, cluster
from tests.cluster.container import Container
from tests.cluster.members import PROJECT
from tests.project.trees import write_dedented

from bench.failing import clients
from skytier.errors import SkytierError
from skytier.poll import until
from skytier.services.patroni.look import look
from skytier.services.patroni.members import Members
from skytier.services.postgresql.config import NAME

WELL_S = 180
"""Within this all members are to be in step again."""
_INSIDE = ("ip", "netns", "exec")
_CREDENTIALS = "/etc/skytier/credentials"


@dataclass
class Work:
    """What clients did; it is there when they have ended."""

    writes: list[tuple[float, int]]
    """When each number was acknowledged, in this order."""
    reads: list[tuple[float, int]]
    """When which number was read."""


class Stack:
    """The members by their part."""

    def __init__(self, made: Cluster) -> None:
        self.made = made

    @property
    def machines(self) -> dict[str, Container]:
        """The machines of the database, by name."""
        found = self.made.containers
        return {name: found[name] for name in sorted(found) if "-database-" in name}

    def members(self) -> Members:
        """What they say now."""
        return look(self.machines)

    def primary(self) -> Container:
        """The machine of the primary."""
        [found] = self.members().primaries
        return self.machines[found.machine]

    def replicas(self) -> list[Container]:
        """Those of the others, a synchronous one first."""
        others = [each for each in self.members().members if each.role != "primary"]
        others.sort(key=lambda each: each.role != "synchronous replica")
        return [self.machines[each.machine] for each in others]

    def is_well(self) -> bool:
        """Whether there is one primary, and all others are in step with it."""
        try:
            found = self.members()
        except (SkytierError, AssertionError, IndexError, OSError):
            return False
        return len(found.primaries) == 1 and all(each.in_step for each in found.members)

    def wait_until_well(self) -> bool:
        """Whether they are, within WELL_S."""
        return bool(until(self.is_well, WELL_S, every_s=1))

    @contextmanager
    def clients(self) -> Iterator[Work]:
        """Clients on the web server for the time of a block; what they did is there at the end."""
        web = self.made.containers["shop-web-1"]
        work = Work([], [])
        process = subprocess.Popen(
            (*_INSIDE, web.namespace, sys.executable, clients.__file__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        try:
            process.stdin.write(json.dumps(self._urls(web)) + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the clients did not begin")
            yield work
            said: dict[str, Any] = json.loads(process.communicate("", timeout=120)[0])
            work.writes, work.reads = said["writes"], said["reads"]
        finally:
            process.kill()

    def stored(self) -> set[int]:
        """The numbers that the primary has."""
        command = f"runuser -u postgres -- psql -XqAt --dbname={NAME}"
        said = self.primary().run(f"{command} -c 'TABLE {clients.TABLE}'")
        return {int(line) for line in said.split()}

    def _urls(self, web: Container) -> dict[str, str]:
        return {
            "primary": _plain(web.run(f"cat {_CREDENTIALS}/skytier_database_url")),
            "replica": _plain(web.run(f"cat {_CREDENTIALS}/skytier_database_replica_url")),
        }


def _plain(url: str) -> str:
    """With TLS, and without the file of a certificate that is in the container."""
    parts = urlsplit(url.strip())
    kept = [each for each in parse_qsl(parts.query) if not each[0].startswith("ssl")]
    return parts._replace(query=urlencode([*kept, ("sslmode", "require")])).geturl()


@contextmanager
def running(root: Path) -> Iterator[Stack]:
    """The stack for the time of a block, once all is well."""
    project = write_dedented(root, PROJECT)
    text = f"""\
monitor.enabled = false
database.members = 3
[application]
source = {json.dumps(str(project))}
serve = "shop:application"
interface = "wsgi"
requires = ["postgresql"]
"""
    with cluster(text) as made:
        stack = Stack(made)
        if not stack.wait_until_well():
            raise RuntimeError(f"the members are not in step: {stack.members()}")
        yield stack
