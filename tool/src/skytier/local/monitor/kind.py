"""The monitor of the stack on this machine, planned as one service."""

import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import httpx

from skytier import files
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError, together
from skytier.local.daemon import Daemon, State
from skytier.local.home import Home
from skytier.local.monitor import ports, processes, programs
from skytier.local.monitor.processes import MonitorFacts, MonitorProcess
from skytier.local.options import Options
from skytier.local.postgresql import Postgresql
from skytier.local.service import LocalKind

# Who gives up too early says of a busy machine that something is wrong.
START_TIMEOUT_S, STOP_TIMEOUT_S = 90.0, 10.0
ALL = (
    *(processes.NODE, processes.POSTGRES, processes.NGINX, processes.REDIS),
    *(processes.ALERTMANAGER, processes.PROMETHEUS, processes.RECORDER),
)


class Monitor(LocalKind):
    """The exporters, and Prometheus with Alertmanager, or else the recorder of a history.

    Its attributes are the fingerprints of ALL; None for what is not wanted.
    """

    name: ClassVar[str] = "monitor"

    def __init__(
        self, home: Home, database: Postgresql | None, *, behind_nginx: bool, is_measured: bool
    ) -> None:
        super().__init__(home)
        self._database = database
        self._behind_nginx = behind_nginx
        self._is_measured = is_measured
        self.daemons = {name: Daemon(home, daemon_name(name)) for name in ALL}

    def assign_ports(self) -> None:
        """Find ports for all that may be. Before `config`, and before that of Nginx."""
        of_nginx = (processes.STATUS, processes.METRICS)
        held = [name for name, state in self.states().items() if state.pid]
        if self._behind_nginx and Daemon(self._home, "nginx").state().pid:
            held += of_nginx
        ports.assign(self._home, (*ALL, *of_nginx), held)

    def config(self, options: Options) -> Mapping[str, str | None]:
        """The fingerprint of every process that is wanted."""
        wanted = processes.processes(self.facts(options))
        return dict.fromkeys(ALL) | {each.name: each.fingerprint for each in wanted}

    def state(self) -> State:
        """All together: it runs when one of them does, and each that does has its fingerprint."""
        states = self.states()
        running = {name: state for name, state in states.items() if state.pid}
        if not running:
            return State(leftovers=tuple(pid for each in states.values() for pid in each.leftovers))
        config = {name: state.config[name] for name, state in running.items() if state.config}
        return State(next(iter(running.values())).pid, config)

    def states(self) -> dict[str, State]:
        """Each process as it is, whether it is wanted or not."""
        return {name: daemon.state() for name, daemon in self.daemons.items()}

    def started(self) -> list[str]:
        """The processes that were started and not stopped."""
        return [name for name, daemon in self.daemons.items() if daemon.was_started]

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Its processes are started in `reconcile`, all at once."""
        return Found(wanted.key, "", {})

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Start what does not run as it should, stop what should not, and wait for answers."""
        options: Options = wanted.creation["options"]
        states = self.states()
        for name, value in wanted.attributes.items():
            if value is None and states[name] != State():
                self.daemons[name].stop(signal.SIGTERM, STOP_TIMEOUT_S)
        self._home.monitor.mkdir(mode=0o700, exist_ok=True)
        there = processes.processes(self.facts(options))
        changed = [
            each for each in there if states[each.name].config.get(each.name) != each.fingerprint
        ]
        with ThreadPoolExecutor(len(changed) or 1) as pool:
            tried = pool.map(lambda each: self._try_to_start(each, tell), changed)
            failed = [error for error in tried if error]
        if failed:
            raise together(failed)
        tell(self._what_runs(there))
        return Found(wanted.key, str(self.state().pid), wanted.attributes)

    def delete(self, found: Found, tell: Tell) -> None:
        """End all processes."""
        with ThreadPoolExecutor(len(ALL)) as pool:
            list(
                pool.map(
                    lambda daemon: daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S),
                    self.daemons.values(),
                )
            )

    def facts(self, options: Options) -> MonitorFacts:
        """What decides which processes there are, with the ports that were assigned."""
        redis = self._home.secrets / "skytier_redis_url"
        there = programs.find()
        exporter = there.get(processes.POSTGRES)
        return MonitorFacts(
            home=self._home,
            options=options,
            programs=there,
            ports=ports.remembered(self._home),
            behind_nginx=self._behind_nginx,
            is_measured=self._is_measured,
            has_database=self._database is not None,
            database=self._database.runs_as(options) if self._database else None,
            redis_url=redis.read_text().strip() if redis.exists() else None,
            can_skip_bgwriter=exporter is not None
            and programs.knows(exporter, "collector.bgwriter"),
        )

    def _try_to_start(self, each: MonitorProcess, tell: Tell) -> SkytierError | None:
        try:
            self._start(each, tell)
        except (SkytierError, OSError) as error:
            self.daemons[each.name].stop(signal.SIGTERM, STOP_TIMEOUT_S)
            return error if isinstance(error, SkytierError) else SkytierError(str(error))
        return None

    def _start(self, each: MonitorProcess, tell: Tell) -> None:
        daemon = self.daemons[each.name]
        daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S)
        if each.name == processes.PROMETHEUS:
            # It reads all that are there, also those of a database that is not wanted any more.
            for path in {*(self._home.etc / "rules").glob("*.yml")} - each.texts.keys():
                path.unlink()
        for path, text in each.texts.items():
            path.parent.mkdir(mode=0o711, exist_ok=True)
            files.write(path, text, 0o600)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKYTIER_", "PG"))}
        daemon.start(each.command, {**kept, **each.environment}, each.account)
        daemon.wait(lambda: _answers(each), START_TIMEOUT_S, tell)
        daemon.ready({each.name: each.fingerprint})

    def _what_runs(self, there: Sequence[MonitorProcess]) -> str:
        names = [each.name for each in there]
        if processes.PROMETHEUS in names:
            port = ports.remembered(self._home)[processes.PROMETHEUS]
            return f"Prometheus at http://{ports.HOST}:{port}, {len(names) - 1} more"
        return "a history of this machine, for there is no Prometheus"


def daemon_name(name: str) -> str:
    """What a process is called among the services: `node-exporter`."""
    exporters = (processes.NODE, processes.POSTGRES, processes.NGINX, processes.REDIS)
    return f"{name}-exporter" if name in exporters else name


def _answers(each: MonitorProcess) -> bool:
    if each.port is None:
        return each.makes is None or each.makes.exists()
    path = {processes.PROMETHEUS: "/-/ready", processes.ALERTMANAGER: "/-/ready"}.get(
        each.name, "/"
    )
    try:
        url = f"http://{ports.HOST}:{each.port}{path}"
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
