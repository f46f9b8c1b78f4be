"""What is put under load: contenders, and the limits that nobody can be faster than."""

from collections.abc import Sequence

from bench.speed import load
from bench.speed.measure import DIRECT, NGINX, Sample, Setting
from bench.speed.server import Server
from bench.speed.work import Request


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


class OneAddress:
    """A limit: Nginx, asked for one post over and over."""

    def __init__(self, name: str, nginx: Server, request: Request) -> None:
        self.name = name
        self.nginx = nginx
        self._request = request

    def can(self, work: str, setting: Setting) -> bool:
        """One post, through Nginx."""
        return work == "one" and setting.door == NGINX

    def sample(
        self, work: str, requests: Sequence[Request], setting: Setting, seconds: float
    ) -> Sample:
        """Load it with the one request."""
        found = load.run(self.nginx.address, [self._request], setting.connections, seconds)
        self.nginx.shorten_logs()
        return Sample(self.name, work, setting, found)
