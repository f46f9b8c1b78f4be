"""Redis on this machine: one server of our own, for the application alone."""

import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass

from skytier import files
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.local.daemon import RunningConfig
from skytier.local.home import Home
from skytier.local.monitor import ports
from skytier.local.options import Options
from skytier.local.service import LocalService
from skytier.render import render

PASSWORD = "redis_password"  # noqa: S105  # the file's name
PORT = "redis-server"
"""What its port is remembered as."""
START_TIMEOUT_S, STOP_TIMEOUT_S = 30.0, 10.0


@dataclass(frozen=True)
class Urls:
    """The addresses of Redis for the application; None where it has none."""

    kept: str | None = None
    """REDIS_URL."""
    cache: str | None = None
    """REDIS_CACHE_URL."""


class Redis(LocalService):
    """A server at a port on loopback. Its memory has no limit here, so it evicts nothing."""

    name = "redis"

    def __init__(self, home: Home, *, is_wanted: bool) -> None:
        """`is_wanted` says whether the stack has a cache; a server that runs is stopped else."""
        super().__init__(home)
        self._is_wanted = is_wanted
        self._conf = home.etc / "redis.conf"

    @property
    def is_part(self) -> bool:
        """Also while it was not stopped yet."""
        return self._is_wanted or self.daemon.was_started

    def urls(self, now: str | None, given: str | None) -> Urls:
        """Where the application finds Redis.

        `now` is the REDIS_URL of the last run, `given` that of this one: empty where the operator
        has no server of their own any more, None where nothing is said.
        """
        theirs = given if given is not None else now
        if theirs and not self._is_ours(theirs):
            return Urls(theirs)
        if not self._is_wanted:
            return Urls()
        ports.assign(self._home, (PORT,), (PORT,) if self.daemon.state().pid else ())
        address = f"redis://:{self._home.secret(PASSWORD)}@{ports.HOST}:{self._port()}"
        return Urls(f"{address}/0", f"{address}/1")

    def serves(self, urls: Urls) -> bool:
        """Whether these are the addresses of this server."""
        return urls.cache is not None

    def config(self, options: Options) -> RunningConfig:
        """The server with its configuration. Raises SkytierError where there is none."""
        said = subprocess.run(
            [self._program(), "--version"], check=True, capture_output=True, text=True
        ).stdout
        version = next((w[2:] for w in said.split() if w.startswith("v=")), "unknown")
        return {"version": version, "configuration": files.fingerprint(self._configuration())}

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Write the configuration, end the server that runs, and start."""
        self._home.redis.mkdir(mode=0o700, exist_ok=True)
        files.write(self._conf, self._configuration(), 0o600)
        self.stop()
        pid = self.daemon.start([self._program(), self._conf], os.environ)
        return Found(wanted.key, str(pid), wanted.attributes)

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until it accepts commands: it reads its file first."""
        self.daemon.wait(self.accepts, START_TIMEOUT_S, tell)
        self.daemon.ready(wanted.attributes)
        tell(f"Redis {wanted.attributes['version']}, process {found.id}")

    def accepts(self) -> bool:
        """Whether it accepts commands."""
        asked = f"AUTH {self._home.secret(PASSWORD)}\r\nPING\r\nQUIT\r\n"
        try:
            with socket.create_connection((ports.HOST, self._port()), timeout=1) as connection:
                connection.sendall(asked.encode())
                return b"+PONG" in connection.makefile("rb").read()
        except OSError:
            return False

    def stop(self) -> None:
        """It writes its file first."""
        self.daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S)

    def _configuration(self) -> str:
        return render(
            "skytier.services.redis",
            "local.conf",
            host=ports.HOST,
            port=self._port(),
            password=self._home.secret(PASSWORD),
            data=self._home.redis,
        )

    def _port(self) -> int:
        return ports.remembered(self._home).get(PORT, 0)

    def _is_ours(self, url: str) -> bool:
        """Whether it has the password of this home, which no other server has."""
        path = self._home.secrets / PASSWORD
        return path.exists() and url.startswith(f"redis://:{path.read_text().strip()}@")

    def _program(self) -> str:
        # Debian does not put /usr/sbin into an ordinary user's PATH.
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
        if found := shutil.which("redis-server", path=path):
            return found
        raise SkytierError(
            "The stack file has a cache, and Redis is not installed on this machine.",
            "Install it (Debian and Ubuntu: apt-get install redis-server), or use a server of your "
            "own: skytier up --redis redis://HOST",
        )
