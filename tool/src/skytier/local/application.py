"""The web application on this machine, run as a command; never imported."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

from skytier import files, health
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.follow import follow
from skytier.local import account
from skytier.local.daemon import RunningConfig
from skytier.local.home import Home
from skytier.local.options import Options
from skytier.local.program import Program
from skytier.local.service import LocalService
from skytier.release.command import failed

DATABASE_URL, REDIS_URL, SECRET_KEY = (
    *("skytier_database_url", "skytier_redis_url"),
    "skytier_secret_key",
)
"""The files in `home.secrets` that the application reads."""
WORKERS = "SKYTIER_WORKERS"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 35.0
"""A little more than the application gives to requests in flight."""


class Application(LocalService):
    """Its server with the workers, behind Nginx or alone."""

    name = "application"

    def __init__(self, home: Home, program: Program, *, behind_nginx: bool) -> None:
        super().__init__(home)
        self._program = program
        self._behind_nginx = behind_nginx

    def config(self, options: Options) -> RunningConfig:
        """The release with its settings. Raises SkytierError when there is none."""
        secrets = [self._home.secrets / name for name in (DATABASE_URL, REDIS_URL, SECRET_KEY)]
        settings = [f"{k}={v}" for k, v in self._settings(options).items() if k != WORKERS]
        return {
            "version": self._program.version(),
            "workers": str(options.workers),
            "release": self._program.release(),
            "settings": files.fingerprint(
                *settings, *(path.read_text() if path.exists() else "" for path in secrets)
            ),
        }

    def migrate(self, options: Options) -> str:
        """Bring the database to the release's schema. Returns what the migration said last."""
        command = self._program.migrate()
        if command is None:
            return "none"
        said = self._run(options, command, "migrate").strip().splitlines()
        if not said:
            return ""
        return said[-1] if " " in said[-1] else f"schema {said[-1]}"

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Publish its static files, end the one that runs, and start it."""
        options: Options = wanted.creation["options"]
        if self._behind_nginx:
            self._collect_static(options, wanted.attributes["release"])
        self.stop()
        metrics = self._home.run / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(mode=0o700)
        release = wanted.attributes["release"].removeprefix(files.HASH)[:12]
        environment = {**self.environment(options), "SKYTIER_RELEASE": release}
        pid = self.daemon.start(self._program.serve(), environment)
        return Found(wanted.key, str(pid), wanted.attributes)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Start what is wanted. When that fails, the release before serves again, if there is one.

        Raises SkytierError for what failed.
        """
        try:
            return super().reconcile(wanted, found, known, tell)
        except SkytierError as error:
            if found.attributes == wanted.attributes or not self._program.go_back():
                raise
            before = replace(wanted, attributes=found.attributes)
            self.wait(before, self.create(before, known), tell)
            what = f"{error.what}\nThe release before, {found.attributes['version']}, serves again."
            raise SkytierError(what, error.do) from error

    def wait(self, wanted: Wanted, found: Found, tell: Tell) -> None:
        """Wait until a worker answers."""
        options: Options = wanted.creation["options"]
        socket = self._home.application_socket if self._behind_nginx else None
        base = "http://localhost" if self._behind_nginx else options.url
        url = base + self._program.health
        self.daemon.wait(lambda: health.ask(url, socket), START_TIMEOUT_S, tell)
        self.daemon.ready(wanted.attributes)
        workers = "1 worker" if options.workers == 1 else f"{options.workers} workers"
        tell(f"{workers}, process {found.id}")

    def stop(self) -> None:
        """Requests in flight are finished first."""
        self.daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S)
        # Uvicorn does not bind to a socket that a killed one left behind.
        self._home.application_socket.unlink(missing_ok=True)

    def run(self, options: Options, *words: str) -> str:
        """Run a command to the end. Returns its output; SkytierError when it fails."""
        return self._run(options, self._program.command(*words), " ".join(words))

    def _run(self, options: Options, command: list[str], name: str) -> str:
        done = subprocess.run(
            command,
            env=self.environment(options),
            cwd=self._home.path,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise failed(name, done.stderr)
        return done.stdout

    def attend(self, options: Options, *words: str) -> int:
        """The same with this process's own input and output. Returns its exit code."""
        command = self._program.command(*words)
        try:
            return subprocess.call(command, env=self.environment(options), cwd=self._home.path)
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

    def environment(self, options: Options) -> dict[str, str]:
        """What its commands find in their environment: no secret, but where the secrets are."""
        # What is meant for the tool, or for libpq, is not meant for the application.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SKYTIER_", "PG"))}
        return {**kept, **self._settings(options)}

    def _settings(self, options: Options) -> dict[str, str]:
        if self._behind_nginx:
            listen = {"SKYTIER_UDS": str(self._home.application_socket)}
            if nginx := account.of_nginx():
                listen["SKYTIER_UDS_GROUP"] = nginx.group
        else:
            listen = {
                "SKYTIER_HOST": options.bind,
                "SKYTIER_PORT": str(options.port),
                # What watches is on this machine, and comes from the address that it asks.
                "SKYTIER_METRICS_FROM": json.dumps(["127.0.0.0/8", "::1/128", options.bind]),
            }
        return {
            **listen,
            "SKYTIER_PYTHON": sys.executable,
            "SKYTIER_SECRETS_DIR": str(self._home.secrets),
            WORKERS: str(options.workers),
            "SKYTIER_METRICS_DIR": str(self._home.run / "metrics"),
        }

    def _collect_static(self, options: Options, release: str) -> None:
        collected = self._home.etc / "static.release"
        if collected.exists() and collected.read_text() == release:
            return
        # What pages of the release before still ask for stays.
        static = self._home.static
        if (made := self._program.static()) is not None:
            shutil.copytree(made, static, dirs_exist_ok=True)
        elif command := self._program.collect(static):
            self._run(options, command, "collect-static")
        for path in [static, *static.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        files.write(collected, release)
