"""The database on this machine: a cluster of our own, or one that runs elsewhere."""

import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psutil

from skytier import files
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.local import account, postgresql_programs, process
from skytier.local.account import Account
from skytier.local.daemon import RunningConfig, State
from skytier.local.home import Home
from skytier.local.options import ELSEWHERE, EMBEDDED, Options, load
from skytier.local.postgresql_programs import Programs
from skytier.local.service import NOT_RUNNING, LocalService, found, key
from skytier.services.postgresql import config as postgresql_config
from skytier.services.postgresql.login import Login

PASSWORD = "postgresql_password"  # noqa: S105  # the file's name
"""The file in `home.secrets` with the current login."""
START_TIMEOUT_S = 120.0
"""Recovery after a crash takes its time."""


class Postgresql(LocalService):
    """Our own cluster under the home, reached through a unix socket only."""

    name = "postgresql"

    def __init__(self, home: Home, *, is_wanted: bool = True) -> None:
        """`is_wanted` says whether the stack needs it; one that runs is stopped otherwise."""
        super().__init__(home)
        self.data = home.postgresql / "data"
        self._is_wanted = is_wanted

    @property
    def is_part(self) -> bool:
        """Also while it was not stopped yet."""
        return self._is_wanted or self.daemon.was_started

    def url(self) -> str:
        """What the application connects with; it holds the password."""
        login = Login.read(self._home.secret(PASSWORD))
        name, host = postgresql_config.NAME, quote(str(self._home.postgresql_sockets))
        return f"postgresql://{login.role}:{login.password}@/{name}?host={host}"

    def config(self, options: Options) -> RunningConfig:
        """The server that the options ask for. Raises SkytierError when there is none."""
        programs = self._programs(options)
        texts = self._configuration().values()
        return {
            "version": f"{programs.version} ({options.postgres})",
            "configuration": files.fingerprint(*texts),
        }

    def state(self) -> State:
        """The server as it is; leftovers are backends without a postmaster."""
        state = self.daemon.state()
        leftovers = () if state.pid else tuple(p.pid for p in self._processes())
        return State(state.pid, state.config, leftovers)

    def find(self) -> list[Found]:
        """The cluster, whether its server runs or not."""
        there = found_cluster(self.state(), has_data=self.data.exists())
        return [there] if there else []

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Make the cluster when there is none, and start the server."""
        options: Options = wanted.creation["options"]
        programs = postgresql_programs.keep(self._programs(options), self._home.postgresql)
        self._directories()
        self.stop()
        if not self.data.exists():
            self._create(programs)
        for name, text in self._configuration().items():
            files.write(self._home.etc / name, text)
        pid = self.daemon.start(
            [programs["postgres"], "-c", f"config_file={self._home.etc}/postgresql.conf"],
            _environment(),
            self._account,
        )
        return Found(wanted.key, str(pid), wanted.attributes)

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until the server takes connections, and make role and database."""
        self.daemon.wait(self.accepts, START_TIMEOUT_S, tell)
        programs = self._programs(wanted.creation["options"])
        login = self.current()
        self._psql(programs, postgresql_config.role_sql(login.role, login.password))
        self.daemon.ready(wanted.attributes)
        postgresql_programs.forget_others(programs, self._home.postgresql)
        tell(f"PostgreSQL {programs.version}, process {found.id}")

    def accepts(self) -> bool:
        """Whether the server takes connections. It says so itself in its file."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False

    def current(self) -> Login:
        """What the application logs in with."""
        return Login.read((self._home.secrets / PASSWORD).read_text())

    def sql(self, script: str) -> str:
        """Run a psql script as the superuser. Returns its output. Raises SkytierError."""
        return self._psql(self._programs(load(self._home)), script)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, nothing is lost."""
        self.daemon.stop(signal.SIGINT, timeout_s=60)
        self._end_leftovers()

    def psql(self, options: Options) -> Path:
        """The client of the database. Raises SkytierError when there is none."""
        if options.postgres != ELSEWHERE:
            return self._programs(options)["psql"]
        if found := shutil.which("psql"):
            return Path(found)
        return postgresql_programs.find(EMBEDDED, self._home.postgresql, None)["psql"]

    def runs_as(self, options: Options) -> Account | None:
        """Who the server runs as; None when it runs elsewhere."""
        return None if options.postgres == ELSEWHERE else self._account

    @property
    def _account(self) -> Account:
        """Who the server runs as: PostgreSQL refuses to be root."""
        if self.data.exists():
            return account.of(self.data.stat().st_uid)
        if os.geteuid() == 0:
            return account.first_of("postgres", "nobody")
        return account.current()

    def _programs(self, options: Options) -> Programs:
        version = self.data / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        return postgresql_programs.find(options.postgres, self._home.postgresql, major)

    def _configuration(self) -> dict[str, str]:
        home = self._home
        return postgresql_config.configuration(
            postgresql_config.PostgresqlConfig(
                self.data, home.etc, home.postgresql_sockets, self._account.name
            )
        )

    def _directories(self) -> None:
        user, sockets = self._account, self._home.postgresql_sockets
        user.check_reach(self._home.path)
        sockets.mkdir(mode=0o700, exist_ok=True)
        os.chown(sockets, user.uid, user.gid)

    def _create(self, programs: Programs) -> None:
        for incomplete in self.data.parent.glob(f".{self.data.name}.*"):
            shutil.rmtree(incomplete)  # of a run that was killed
        locale = ["--encoding=UTF8", "--locale=C.UTF-8"]
        if programs.major >= 17:
            # The server's own C.UTF-8: it sorts the same on every machine, for ever.
            locale = [
                *("--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ]
        # A cluster that is not whole never has the name `data`.
        with files.new_directory(self.data) as new:
            os.chown(new, self._account.uid, self._account.gid)
            self._run(
                programs["initdb"],
                f"--pgdata={new}",
                f"--username={postgresql_config.SUPERUSER}",
                "--auth-local=peer",
                "--auth-host=scram-sha-256",
                "--data-checksums",
                *locale,
            )

    def _psql(self, programs: Programs, script: str) -> str:
        sockets = f"--host={self._home.postgresql_sockets}"
        return self._run(
            *(programs["psql"], "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", sockets),
            *(f"--username={postgresql_config.SUPERUSER}", "--dbname=postgres"),
            "--set=ON_ERROR_STOP=1",
            # On the standard input, where no list of processes shows a password.
            stdin=script,
        )

    def _run(self, program: Path, *arguments: str | Path, stdin: str = "") -> str:
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            env=_environment(),
            cwd=self._home.path,
            check=False,
            capture_output=True,
            text=True,
            **self._account.popen_arguments(),
        )
        if done.returncode:
            raise SkytierError(
                f"{program.name} failed:\n{done.stderr.strip()}",
                "Fix the cause, and run skytier up again.",
            )
        return str(done.stdout)

    def _processes(self) -> list[psutil.Process]:
        """Every process of the cluster. Each leads a session of its own, but all work in `data`."""
        found = []
        for candidate in psutil.process_iter():
            try:
                if candidate.name() == "postgres" and Path(candidate.cwd()) == self.data:
                    found.append(candidate)
            except psutil.Error:
                continue
        return [candidate for candidate in found if process.alive(candidate)]

    def _end_leftovers(self) -> None:
        """Wait for backends without a postmaster: they go by themselves, or are killed."""
        rest = process.wait(self._processes(), 10)
        process.end(rest, signal.SIGQUIT, 5)
        if rest := self._processes():
            raise SkytierError(
                f"Processes of a former server do not end: {', '.join(str(p.pid) for p in rest)}.",
                "Look at them with ps, and end them by their process numbers.",
            )
        self.daemon.forget()
        # Now it is sure that nobody serves this directory. The server would check the number in
        # its lock files, and may find a zombie or a stranger.
        for lock_file in (
            self.data / "postmaster.pid",
            *self._home.postgresql_sockets.glob(".s.PGSQL.*"),
        ):
            lock_file.unlink(missing_ok=True)


def found_cluster(state: State, *, has_data: bool) -> Found | None:
    """The cluster as a resource. Whatever is wrong with the server, its data is kept."""
    there = found(Postgresql.name, state)
    if not has_data:
        return replace(there, fault="its data is gone", mend="it is made again") if there else None
    if there is None:
        return Found(key(Postgresql.name), "", {}, fault=NOT_RUNNING, mend="it is started")
    return replace(there, mend="it is started again") if there.fault else there


def _environment() -> dict[str, str]:
    """Ours without what libpq would take from it, and with messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}
