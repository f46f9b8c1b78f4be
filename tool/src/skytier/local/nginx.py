"""The entry point, where Nginx is on the machine."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

import psutil

from skytier import files
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.local import account, process
from skytier.local.daemon import RunningConfig
from skytier.local.home import Home
from skytier.local.monitor import ports, token
from skytier.local.monitor.processes import METRICS, STATUS
from skytier.local.options import Options
from skytier.local.program import Program
from skytier.local.service import LocalService, changed
from skytier.poll import until
from skytier.services.nginx.config import NginxConfig, nginx_conf

START_TIMEOUT_S, STOP_TIMEOUT_S = 60.0, 10.0


class Nginx(LocalService):
    """Nginx as a proxy before the application's unix socket."""

    name = "nginx"

    def __init__(self, home: Home, application: Program) -> None:
        super().__init__(home)
        self._application = application
        self._program = _program()
        self._conf = home.etc / "nginx.conf"

    @property
    def installed(self) -> bool:
        """Whether Nginx is on this machine."""
        return self._program is not None

    def config(self, options: Options) -> RunningConfig:
        """Nginx with the rendered configuration."""
        return {
            "version": self._version(),
            "port": str(options.port),
            "address": options.bind,
            "configuration": files.fingerprint(self._configuration(options)),
        }

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Check the configuration, end the one that runs, and start."""
        self._write(wanted.creation["options"])
        self.stop()
        pid = self.daemon.start([*self._command(), "-g", "daemon off;"], os.environ)
        return Found(wanted.key, str(pid), wanted.attributes)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Reload the configuration where that is enough; else restart. Wait for a worker."""
        differ = changed(wanted.attributes, found.attributes)
        if found.fault or not differ or not reloadable(differ):
            return super().reconcile(wanted, found, known, tell)
        self._reload(wanted, int(found.id))
        tell(f"Nginx {self._version()}, process {found.id} goes on")
        return found

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait for the first worker."""
        self.daemon.wait(lambda: bool(self._workers(int(found.id))), START_TIMEOUT_S, tell)
        self.daemon.ready(wanted.attributes)
        tell(f"Nginx {self._version()}, process {found.id}")

    def stop(self) -> None:
        """Requests in flight are finished first."""
        self.daemon.stop(signal.SIGQUIT, STOP_TIMEOUT_S)

    def _reload(self, wanted: Wanted, pid: int) -> None:
        """Load a changed configuration without closing a connection."""
        self._write(wanted.creation["options"])
        before = self._workers(pid)
        psutil.Process(pid).send_signal(signal.SIGHUP)
        if not until(lambda: self._workers(pid) - before, START_TIMEOUT_S):
            raise self.daemon.failed("did not take its new configuration")
        self.daemon.ready(wanted.attributes)

    def _configuration(self, options: Options) -> str:
        home, user = self._home, account.of_nginx()
        bind = f"[{options.bind}]" if ":" in options.bind else options.bind
        config = NginxConfig(
            listen=[f"{bind}:{options.port}"],
            upstreams=[f"unix:{home.application_socket}"],
            static=home.static,
            prefixes=self._application.prefixes,
            media={prefix: home.data / name for prefix, name in self._application.media.items()},
            request_mib=self._application.request_mib,
            streams_bodies=self._application.streams_bodies,
            run=home.run,
            logs=home.logs,
            user=f"{user.name} {user.group}" if user else None,
            status=ports.address(home, STATUS) if options.monitor else None,
            metrics=ports.address(home, METRICS) if options.monitor else None,
            metrics_token=token.of(home) if options.monitor else "",
            ipv6=":" in options.bind,
        )
        return nginx_conf(config)

    def _write(self, options: Options) -> None:
        if user := account.of_nginx():
            user.check_reach(self._home.path)
        # Beside the one in use, since paths in it are relative to it; readable by its owner only.
        with tempfile.NamedTemporaryFile("w", prefix=".nginx.conf.", dir=self._home.etc) as new:
            new.write(self._configuration(options))
            new.flush()
            command = [*self._command(Path(new.name)), "-t"]
            checked = subprocess.run(command, check=False, capture_output=True, text=True)
        if checked.returncode:
            refused = self._conf.with_name("nginx.conf.refused")
            files.write(refused, self._configuration(options), 0o600)
            raise SkytierError(
                f"Nginx refuses its configuration {refused}:\n{checked.stderr.strip()}",
                "The running one is left as it is. Please report this.",
            )
        files.write(self._conf, self._configuration(options), 0o600)

    def _command(self, conf: Path | None = None) -> list[str]:
        return [str(self._program), "-p", str(self._home.path), "-c", str(conf or self._conf)]

    def _version(self) -> str:
        command = [str(self._program), "-v"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        found = re.search(r"nginx/(\S+)", said)
        return found[1] if found else said.strip()

    def _workers(self, master: int) -> set[int]:
        return {p.pid for p in self.daemon.processes() if p.pid != master and process.alive(p)}


def _program() -> str | None:
    # Debian does not put /usr/sbin into an ordinary user's PATH.
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin"
    return shutil.which("nginx", path=path)


def reloadable(changed: Collection[str]) -> bool:
    """Whether a running Nginx takes a change of these values."""
    # A listener on the same port at another address would meet the one that is still open.
    return "version" not in changed and ("address" not in changed or "port" in changed)
