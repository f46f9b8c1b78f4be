"""The entry point, where Nginx is on the machine."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from skytier import files
from skytier.errors import SkytierError
from skytier.local import account, process
from skytier.local.daemon import Daemon
from skytier.local.home import Home
from skytier.local.monitor import ports, token
from skytier.local.monitor.parts import METRICS, STATUS
from skytier.local.options import Options
from skytier.local.plan import Found, Marks, Wanted
from skytier.poll import until
from skytier.services.nginx.config import NginxConfig, nginx_conf


class Nginx:
    """Nginx as a proxy before the application's unix socket."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._program = _program()
        self._conf = home.etc / "nginx.conf"
        self.daemon = Daemon(home, "nginx")

    @property
    def installed(self) -> bool:
        """Whether Nginx is on this machine."""
        return self._program is not None

    def wanted(self, options: Options) -> Wanted:
        """Nginx with the rendered configuration."""
        marks = {
            "version": self._version(),
            "port": str(options.port),
            "address": options.bind,
            "configuration": files.fingerprint(self._configuration(options)),
        }
        return Wanted(marks, reloadable)

    def found(self) -> Found:
        """Nginx as it is."""
        return self.daemon.found()

    def start(self, options: Options, marks: Marks) -> str:
        """Check the configuration, start, and wait for the first worker."""
        self._write(options)
        self.stop()
        popen = self.daemon.start([*self._command(), "-g", "daemon off;"], os.environ)
        until(lambda: popen.poll() is not None or self._workers(popen.pid), 10)
        if popen.poll() is not None or not self._workers(popen.pid):
            raise self.daemon.failed("did not start")
        self.daemon.ready(marks)
        return f"Nginx {self._version()}, process {popen.pid}"

    def reload(self, options: Options, marks: Marks) -> str:
        """Take a changed configuration without closing a connection."""
        self._write(options)
        pid = self.daemon.found().pid
        assert pid is not None  # noqa: S101  # a reload is planned for what runs
        before = self._workers(pid)
        psutil.Process(pid).send_signal(signal.SIGHUP)
        if not until(lambda: self._workers(pid) - before, 10):
            raise self.daemon.failed("did not take its new configuration")
        self.daemon.ready(marks)
        return f"Nginx {self._version()}, process {pid} goes on"

    def stop(self) -> None:
        """Requests in flight are finished first."""
        self.daemon.stop(signal.SIGQUIT, timeout_s=10)

    def _configuration(self, options: Options) -> str:
        home, user = self._home, account.of_nginx()
        bind = f"[{options.bind}]" if ":" in options.bind else options.bind
        config = NginxConfig(
            listen=[f"{bind}:{options.port}"],
            upstreams=[f"unix:{home.application_socket}"],
            static=home.static,
            run=home.run,
            logs=home.logs,
            user=f"{user.name} {user.group}" if user else None,
            status=ports.address(home, STATUS) if options.monitor else None,
            metrics=ports.address(home, METRICS) if options.monitor else None,
            metrics_token=token.of(home) if options.monitor else "",
        )
        return nginx_conf(config)

    def _write(self, options: Options) -> None:
        if user := account.of_nginx():
            user.check_reach(self._home.path)
        new = self._conf.with_name("nginx.conf.new")
        files.write(new, self._configuration(options), 0o600)
        checked = subprocess.run(
            [*self._command(new), "-t"], check=False, capture_output=True, text=True
        )
        if checked.returncode:
            raise SkytierError(
                f"Nginx refuses its configuration {new}:\n{checked.stderr.strip()}",
                "The running one is left as it is. Please report this.",
            )
        new.replace(self._conf)

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


def reloadable(changed: frozenset[str]) -> bool:
    """Whether a running Nginx takes a change of these marks."""
    # A listener on the same port at another address would meet the one that is still open.
    return "version" not in changed and ("address" not in changed or "port" in changed)
