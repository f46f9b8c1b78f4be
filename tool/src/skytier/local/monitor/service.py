"""What watches the stack on this machine, as one service of it."""

import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from skytier import files
from skytier.errors import SkytierError
from skytier.local.daemon import Daemon
from skytier.local.home import Home
from skytier.local.monitor import parts, ports, programs
from skytier.local.monitor.parts import Part, Surroundings
from skytier.local.options import Options
from skytier.local.plan import Found, Marks, Wanted
from skytier.local.postgresql import Postgresql
from skytier.poll import until

START_TIMEOUT_S = 20.0
ALL = (
    *(parts.NODE, parts.POSTGRES, parts.NGINX, parts.REDIS),
    *(parts.ALERTMANAGER, parts.PROMETHEUS, parts.RECORDER),
)


class Monitor:
    """The exporters, and Prometheus with Alertmanager, or else the recorder of a history."""

    def __init__(self, home: Home, postgresql: Postgresql, *, behind_nginx: bool) -> None:
        self._home = home
        self._postgresql = postgresql
        self._behind_nginx = behind_nginx
        self.daemons = {name: Daemon(home, daemon_name(name)) for name in ALL}

    def assign_ports(self) -> None:
        """Find ports for all that may be. Before `wanted`, and before Nginx is asked for its."""
        of_nginx = (parts.STATUS, parts.METRICS)
        held = [name for name, found in self.found_parts().items() if found.pid]
        if self._behind_nginx and Daemon(self._home, "nginx").found().pid:
            held += of_nginx
        ports.assign(self._home, (*ALL, *of_nginx), held)

    def wanted(self, options: Options) -> Wanted:
        """Every part with its fingerprint."""
        return Wanted({part.name: part.mark for part in parts.parts(self.around(options))})

    def found(self) -> Found:
        """All parts together: it runs when one of them does, and each that does has its mark."""
        found = self.found_parts()
        running = {name: each for name, each in found.items() if each.pid}
        if not running:
            leftovers = tuple(pid for each in found.values() for pid in each.leftovers)
            return Found(leftovers=leftovers)
        marks = {name: each.marks[name] for name, each in running.items() if each.marks}
        return Found(next(iter(running.values())).pid, marks)

    def found_parts(self) -> dict[str, Found]:
        """Each part as it is, whether it is wanted or not."""
        return {name: daemon.found() for name, daemon in self.daemons.items()}

    def begun(self) -> list[str]:
        """The parts that were started and not stopped."""
        return [name for name, daemon in self.daemons.items() if daemon.begun]

    def start(self, options: Options, marks: Marks) -> str:
        """Start what does not run as it should, all at once, and wait until each answers."""
        found = self.found_parts()
        for name in [name for name in ALL if name not in marks and found[name] != Found()]:
            self.daemons[name].stop(signal.SIGTERM, 10)
        self._home.monitor.mkdir(mode=0o700, exist_ok=True)
        there = parts.parts(self.around(options))
        changed = [part for part in there if found[part.name].marks.get(part.name) != part.mark]
        with ThreadPoolExecutor(len(changed) or 1) as pool:
            failed = [each for each in pool.map(self._try_to_start, changed) if each]
        if failed:
            raise SkytierError("\n".join(each.what for each in failed), failed[0].do)
        return self._what_runs(options, there)

    def stop(self) -> None:
        """End all parts."""
        with ThreadPoolExecutor(len(ALL)) as pool:
            list(pool.map(lambda daemon: daemon.stop(signal.SIGTERM, 10), self.daemons.values()))

    def around(self, options: Options) -> Surroundings:
        """What decides which parts there are, with the ports that were settled."""
        redis = self._home.secrets / "skytier_redis_url"
        found = programs.find()
        exporter = found.get(parts.POSTGRES)
        return Surroundings(
            home=self._home,
            options=options,
            programs=found,
            ports=ports.remembered(self._home),
            behind_nginx=self._behind_nginx,
            database=self._postgresql.runs_as(options),
            redis_url=redis.read_text().strip() if redis.exists() else None,
            can_skip_bgwriter=exporter is not None
            and programs.knows(exporter, "collector.bgwriter"),
        )

    def _try_to_start(self, part: Part) -> SkytierError | None:
        try:
            self._start(part)
        except (SkytierError, OSError) as error:
            self.daemons[part.name].stop(signal.SIGTERM, 5)
            return error if isinstance(error, SkytierError) else SkytierError(str(error))
        return None

    def _start(self, part: Part) -> None:
        daemon = self.daemons[part.name]
        daemon.stop(signal.SIGTERM, 10)
        for path, text in part.texts.items():
            path.parent.mkdir(mode=0o711, exist_ok=True)
            files.write(path, text, 0o600)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKYTIER_", "PG"))}
        popen = daemon.start(part.command, {**kept, **part.environment}, part.account)
        until(lambda: popen.poll() is not None or _answers(part), START_TIMEOUT_S)
        if popen.poll() is not None:
            raise daemon.failed("did not start")
        if not _answers(part):
            raise daemon.failed(f"did not answer within {START_TIMEOUT_S:.0f} s")
        daemon.ready({part.name: part.mark})

    def _what_runs(self, options: Options, there: Sequence[Part]) -> str:
        names = [part.name for part in there]
        if parts.PROMETHEUS in names:
            port = ports.remembered(self._home)[parts.PROMETHEUS]
            return f"Prometheus at http://{ports.HOST}:{port}, {len(names) - 1} more"
        return "a history of this machine, for there is no Prometheus"


def daemon_name(part: str) -> str:
    """What a part's process is called among the services: `node-exporter`."""
    exporters = (parts.NODE, parts.POSTGRES, parts.NGINX, parts.REDIS)
    return f"{part}-exporter" if part in exporters else part


def _answers(part: Part) -> bool:
    if part.port is None:
        return part.makes is None or part.makes.exists()
    path = {parts.PROMETHEUS: "/-/ready", parts.ALERTMANAGER: "/-/ready"}.get(part.name, "/")
    try:
        url = f"http://{ports.HOST}:{part.port}{path}"
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
