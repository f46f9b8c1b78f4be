"""What is put under load: contenders, and the limits that nobody can be faster than."""

from collections.abc import Mapping, Sequence

from bench.speed import load
from bench.speed.measure import DIRECT, NGINX, Sample, Setting
from bench.speed.server import Server
from bench.speed.work import Request

TO_BE_KEPT = 3
"""How often an answer is asked for until it is surely in the cache."""


class Application:
    """A contender, asked directly and through Nginx."""

    def __init__(self, name: str, server: Server, nginx: Server) -> None:
        self.name = name
        self.server = server
        self.nginx = nginx

    def can(self, work: str, setting: Setting) -> bool:
        """Everything."""
        return True

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """Load it, and see what processor time that took."""
        door = self.server if setting.door == DIRECT else self.nginx
        before = self.server.cpu_s()
        found = load.run(door.address, requests, setting.connections, seconds)
        cpu_s = self.server.cpu_s() - before
        for server in (self.server, self.nginx):
            server.shorten_logs()
        return Sample(self.name, work, setting, found, cpu_s)


class Limit:
    """Nginx without the application: asked for the same over and over, it answers by itself."""

    def __init__(self, name: str, nginx: Server, requests: Mapping[str, Request]) -> None:
        self.name = name
        self.nginx = nginx
        self._requests = requests

    def can(self, work: str, setting: Setting) -> bool:
        """The work that there is a request for, through Nginx."""
        return work in self._requests and setting.door == NGINX

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """Load it with the one request."""
        same = self._requests[work]
        for _ in range(TO_BE_KEPT):
            self.nginx.ask(same)
        found = load.run(self.nginx.address, [same], setting.connections, seconds)
        self.nginx.shorten_logs()
        return Sample(self.name, work, setting, found)
