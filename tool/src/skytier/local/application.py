"""The web application on this machine, run as a command; never imported."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from skytier import files, health
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.follow import follow
from skytier.local import account, port
from skytier.local.daemon import Daemon, RunningConfig
from skytier.local.home import Home
from skytier.local.options import Options
from skytier.local.program import Program
from skytier.local.service import LocalService
from skytier.local.slots import Slot, Slots
from skytier.release.command import failed

DATABASE_URL, REDIS_URL, REDIS_CACHE_URL, SECRET_KEY = (
    *("skytier_database_url", "skytier_redis_url", "skytier_redis_cache_url"),
    "skytier_secret_key",
)
"""The files in `home.secrets` that the application reads."""
WORKERS = "SKYTIER_WORKERS"
START_TIMEOUT_S = 90.0
"""An application of many modules takes half a minute on a busy machine."""


class Application(LocalService):
    """Its server with the workers, behind Nginx or alone."""

    name = "application"

    def __init__(self, home: Home, program: Program, *, behind_nginx: bool) -> None:
        super().__init__(home)
        self._slots = Slots(home)
        self._program = program
        self._behind_nginx = behind_nginx

    def config(self, options: Options) -> RunningConfig:
        """The release with its settings. Raises SkytierError when there is none."""
        names = (DATABASE_URL, REDIS_URL, SECRET_KEY, REDIS_CACHE_URL)
        secrets = [self._home.secrets / name for name in names]
        settings = [f"{k}={v}" for k, v in self._settings(options).items() if k != WORKERS]
        return {
            "version": self._program.version(),
            "workers": str(options.workers),
            "release": self._program.release(),
            "settings": files.fingerprint(
                *settings, *(path.read_text() if path.exists() else "" for path in secrets)
            ),
        }

    def migrate(self, options: Options, psql: Callable[[Options], Path]) -> str:
        """Bring the database to the release's schema. Returns what the migration said last.

        `psql` finds the database's client, by which what blocks the migration is found.
        """
        command = self._program.migrate()
        if command is None:
            return "none"
        more = {}
        with suppress(SkytierError):
            more = {"SKYTIER_PSQL": str(psql(options))}
        try:
            # What it said that it did is on its output, and what went wrong is not.
            output = self.run_words(options, command, "migrate", more, outputs=True)
        except SkytierError:
            self._program.failed()
            raise
        said = output.strip().splitlines()
        if not said:
            return ""
        return said[-1] if " " in said[-1] else f"schema {said[-1]}"

    @property
    def daemon(self) -> Daemon:
        """The process that serves."""
        return self._slots.serving.daemon

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Start it: behind Nginx beside the one that serves, else in its place."""
        options: Options = wanted.creation["options"]
        beside = self._behind_nginx and self.daemon.state().pid is not None
        slot = self._slots.free() if beside else self._slots.serving
        if not beside:
            slot.stop()
        if self._behind_nginx:
            self._publish(options, wanted.attributes["release"], serves=False)
        shutil.rmtree(slot.metrics, ignore_errors=True)
        slot.metrics.mkdir(mode=0o700)
        release = wanted.attributes["release"].removeprefix(files.HASH)[:12]
        environment = {**self.environment(options, slot), "SKYTIER_RELEASE": release}
        pid = slot.daemon.start(self._program.serve(), environment)
        if self._behind_nginx and not beside:
            self._slots.switch_to(slot)
        return Found(wanted.key, str(pid), wanted.attributes)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Start what is wanted. When that fails, the release before serves.

        Raises SkytierError for what failed.
        """
        try:
            return super().reconcile(wanted, found, known, tell)
        except SkytierError as error:
            self._program.failed()
            version = found.attributes.get("version")
            if version is None or found.attributes == wanted.attributes:
                raise
            if self.daemon.state().pid is None:
                before = replace(wanted, attributes=found.attributes)
                self.wait(before, self.create(before, known), tell)
            what = f"{error.what}\nThe release before, {version}, serves."
            raise SkytierError(what, error.do) from error

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until a worker answers. Then it takes the place of the one that serves, if any."""
        options: Options = wanted.creation["options"]
        serving = self._slots.serving
        started = (each for each in self._slots.others if str(each.daemon.state().pid) == found.id)
        slot = next(started, serving)
        socket = slot.socket if self._behind_nginx else None
        base = "http://localhost" if self._behind_nginx else options.url
        url = base + self._program.health
        try:
            slot.daemon.wait(lambda: health.ask(url, socket), START_TIMEOUT_S, tell)
        except SkytierError:
            if slot != serving:
                slot.stop()
            raise
        slot.daemon.ready(wanted.attributes)
        if slot != serving:
            from_before = not self._home.application_socket.is_symlink()
            self._slots.switch_to(slot)
            if from_before:
                # When it ends it deletes the socket of this name, which is the link now.
                serving.stop()
                self._slots.switch_to(slot)
            else:
                serving.finish()
        self._program.switched()
        if self._behind_nginx:
            self._publish(options, wanted.attributes["release"], serves=True)
        workers = "1 worker" if options.workers == 1 else f"{options.workers} workers"
        tell(f"{workers}, process {found.id}")

    def finishing(self) -> list[psutil.Process]:
        """Processes that another one has replaced, and that finish their requests."""
        found = []
        for slot in self._slots.others:
            if pid := slot.daemon.state().pid:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    found.append(psutil.Process(pid))
        return found

    def stop(self) -> None:
        """Requests in flight are finished first."""
        for slot in [*self._slots.others, self._slots.serving]:
            slot.stop()
        self._home.application_socket.unlink(missing_ok=True)

    def run(self, options: Options, *words: str) -> str:
        """Run a command to the end. Returns its output; SkytierError when it fails."""
        return self.run_words(options, self._program.command(*words), " ".join(words))

    def run_words(
        self,
        options: Options,
        command: list[str],
        name: str,
        more: Mapping[str, str] | None = None,
        *,
        outputs: bool = False,
    ) -> str:
        """The same for the words of a program; `more` are variables.

        With `outputs`, an error has what it wrote on its standard output too.
        """
        done = subprocess.run(
            command,
            env={**self.environment(options), **(more or {})},
            cwd=self._home.path,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise failed(name, done.stderr, done.stdout if outputs else "")
        return done.stdout

    def attend(self, options: Options, *words: str) -> int:
        """The same with this process's own input and output. Returns its exit code."""
        return self.attend_words(options, self._program.command(*words), {})

    def attend_words(self, options: Options, words: list[str], more: Mapping[str, str]) -> int:
        """The same for the words of a program; `more` are variables."""
        environment = {**self.environment(options), **more}
        try:
            return subprocess.call(words, env=environment, cwd=self._home.path)
        except FileNotFoundError:
            raise failed(words[0], f"There is no command {words[0]}.") from None

    def follow(self, options: Options, *words: str) -> Iterator[str]:
        """The same, with each line of the output as soon as it is written."""
        yield from follow(
            self._program.command(*words),
            lambda said: failed(" ".join(words), said),
            env=self.environment(options),
            cwd=self._home.path,
        )

    def environment(self, options: Options, slot: Slot | None = None) -> dict[str, str]:
        """What its commands find in their environment: no secret, but where the secrets are."""
        # What is meant for the tool, or for libpq, is not meant for the application. Which database
        # and which Redis it has is for the stack to say.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKYTIER_", "PG"))}
        for name in ("DATABASE_URL", "REDIS_URL", "REDIS_CACHE_URL"):
            kept.pop(name, None)
        slot = slot or self._slots.serving
        listen = {"SKYTIER_UDS": str(slot.socket)} if self._behind_nginx else {}
        own = {
            "SKYTIER_METRICS_DIR": str(slot.metrics),
            "SKYTIER_FILES_DIR": str(self._home.secret_files),
        }
        return {**kept, **self._settings(options), **listen, **own}

    def _settings(self, options: Options) -> dict[str, str]:
        listen: dict[str, str] = {}
        if not self._behind_nginx:
            listen = {
                "SKYTIER_HOST": options.bind,
                "SKYTIER_PORT": str(options.port),
                # What watches is on this machine, and comes from the address that it asks.
                "SKYTIER_METRICS_FROM": json.dumps(["127.0.0.0/8", "::1/128", options.bind]),
            }
        elif nginx := account.of_nginx():
            listen = {"SKYTIER_UDS_GROUP": nginx.group}
        site = {}
        if self._program.knows_site:
            hosts = port.names(options.bind)
            site = {
                "SKYTIER_HOSTS": ",".join(hosts),
                "SKYTIER_ORIGINS": ",".join(f"http://{host}:{options.port}" for host in hosts),
            }
        return {
            **listen,
            **site,
            "SKYTIER_PYTHON": sys.executable,
            "SKYTIER_SECRETS_DIR": str(self._home.secrets),
            WORKERS: str(options.workers),
        }

    def _publish(self, options: Options, release: str, *, serves: bool) -> None:
        """Bring the static files of a release to Nginx.

        Those of the releases before stay, since their pages are open in browsers. A name that is
        there already is of the release that serves, until this one `serves`.
        """
        noted = self._home.etc / "static.release"
        if noted.exists() and noted.read_text() == release:
            return
        static, made = self._home.static, self._program.static()
        if made is not None:
            copy = shutil.copy2 if serves else _copy_new
            shutil.copytree(made, static, dirs_exist_ok=True, copy_function=copy)
        elif not serves and (command := self._program.collect(static)):
            self.run_words(options, command, "collect-static")
        for path in [static, *static.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        if serves:
            files.write(noted, release)


def _copy_new(source: str, target: str) -> None:
    if not Path(target).exists():
        shutil.copy2(source, target)
