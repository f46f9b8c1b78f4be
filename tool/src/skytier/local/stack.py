"""The stack on this machine: brings up what is wanted, and takes it down."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from skytier import files, health
from skytier.errors import SkytierError
from skytier.local import lock, options, port
from skytier.local.application import DATABASE_URL, REDIS_URL, Application
from skytier.local.home import Home
from skytier.local.monitor.service import Monitor
from skytier.local.nginx import Nginx
from skytier.local.options import Options
from skytier.local.plan import (
    MIGRATIONS,
    MONITOR,
    Action,
    Found,
    Step,
    Wanted,
    nothing_to_do,
    plan,
    stop_all,
)
from skytier.local.postgresql import Postgresql

CHECK_TIMEOUT_S = 30.0


class Progress(Protocol):
    """Is told what happens."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def done(self, step: Step, result: str, seconds: float) -> None:
        """A step ended well; a step that keeps its service is only told here."""

    def failed(self, step: Step) -> None:
        """A step ended with the error that follows."""


@dataclass(frozen=True)
class Outcome:
    """How `up` ended: where the entry point is, and whether anything had to be done."""

    url: str
    changed: bool
    behind_nginx: bool
    not_watched: SkytierError | None
    """Why the stack runs without being watched as it should be."""


class Stack:
    """PostgreSQL, the application and Nginx of one home, and what watches them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.nginx = Nginx(home)
        self.application = Application(home, behind_nginx=self.nginx.installed)
        self.postgresql = Postgresql(home)
        self.monitor = Monitor(home, self.postgresql, behind_nginx=self.nginx.installed)
        self._services: dict[str, Postgresql | Application | Nginx | Monitor] = {
            "postgresql": self.postgresql,
            "application": self.application,
            "nginx": self.nginx,
            MONITOR: self.monitor,
        }

    def found(self) -> dict[str, Found]:
        """Every service as it is now."""
        return {name: service.found() for name, service in self._services.items()}

    def up(
        self,
        progress: Progress,
        *,
        database_url: str | None = None,
        redis_url: str | None = None,
        **given: str | int | bool | None,
    ) -> Outcome:
        """Bring up what the remembered options and those that are `given` ask for.

        `database_url` is a database elsewhere; an empty `redis_url` means none any more.
        Raises SkytierError; running it again goes on from there.
        """
        self.home.create()
        with lock.held(self.home.lock):
            wished = options.load(self.home).changed(**given)
            # What may be refused comes before anything is remembered.
            self._check_port(wished)
            wanted = self._servers(wished)
            self._remember(wished, database_url, redis_url)
            wanted["application"] = self.application.wanted(wished)
            if wished.monitor:
                wanted[MONITOR] = self.monitor.wanted(wished)
            steps = plan(wanted, self.found())
            # What watches comes last, and what it lacks keeps nobody from the application.
            for step in [step for step in steps if step.service != MONITOR]:
                with _told(progress, step) as say:
                    say(self._do(step, wished, wanted))
            check = Step("check", Action.RUN, f"{wished.url}/health")
            with _told(progress, check) as say:
                say(self._check(wished))
            not_watched = None
            for step in [step for step in steps if step.service == MONITOR]:
                try:
                    with _told(progress, step) as say:
                        say(self._do(step, wished, wanted))
                except SkytierError as error:
                    not_watched = error
        return Outcome(wished.url, not nothing_to_do(steps), self.nginx.installed, not_watched)

    def down(self, progress: Progress, *, purge: bool = False) -> bool:
        """Stop what runs; with `purge`, delete the home too. Returns whether anything ran."""
        if not self.home.path.exists() or not (purge or self.home.exists()):
            return False
        self.home.check_is_one()
        with lock.held(self.home.lock):
            steps = stop_all(self.found())
            for step in steps:
                with _told(progress, step) as say:
                    say(self._do(step, Options(), {}))
            if purge:
                with _told(progress, Step("home", Action.DELETE)) as say:
                    self.home.purge()
                    say(f"{self.home.path} is gone")
        return bool(steps)

    def run_application(self, *arguments: str) -> str:
        """Run one of the application's commands beside it. Returns its output."""
        return self.application.run(self._running(), *arguments)

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, line by line while it runs."""
        return self.application.follow(self._running(), *arguments)

    def _running(self) -> Options:
        if self.application.found().pid is None:
            raise SkytierError("The application does not run.", "Start it: skytier up")
        return options.load(self.home)

    def _remember(self, wished: Options, database: str | None, redis: str | None) -> None:
        options.save(self.home, wished)
        path = self.home.secrets / DATABASE_URL
        if wished.postgres != options.ELSEWHERE:
            database = self.postgresql.url()
        if database:
            files.write(path, database + "\n", 0o600)
        path = self.home.secrets / REDIS_URL
        if redis:
            files.write(path, redis + "\n", 0o600)
        elif redis is not None:
            path.unlink(missing_ok=True)

    def _servers(self, wished: Options) -> dict[str, Wanted]:
        wanted = {}
        if wished.monitor:
            self.monitor.assign_ports()
        if wished.postgres != options.ELSEWHERE:
            wanted["postgresql"] = self.postgresql.wanted(wished)
        if self.nginx.installed:
            wanted["nginx"] = self.nginx.wanted(wished)
        return wanted

    def _check_port(self, wished: Options) -> None:
        holder = port.holder(wished.bind, wished.port)
        if holder is None:
            return
        ours = {
            process.pid
            for service in (self.postgresql, self.application, self.nginx)
            for process in service.daemon.processes()
        }
        if holder.pid not in ours:
            raise port.taken(wished.bind, wished.port, holder)

    def _do(self, step: Step, wished: Options, wanted: dict[str, Wanted]) -> str:
        if step.action is Action.KEEP:
            return "runs already"
        if step.service == MIGRATIONS:
            return self.application.migrate(wished)
        service = self._services[step.service]
        if step.action is Action.STOP:
            service.stop()
            return ""
        marks = wanted[step.service].marks
        if step.action is Action.RELOAD and isinstance(service, Nginx):
            return service.reload(wished, marks)
        return service.start(wished, marks)

    def _check(self, wished: Options) -> str:
        answer = health.wait(f"{wished.url}/health", CHECK_TIMEOUT_S)
        if answer:
            return "healthy"
        log = files.last_lines(self.application.daemon.log, 8)
        raise SkytierError(
            f"{wished.url}/health does not become healthy; it says: {answer}\n"
            f"The end of the application's log:\n{log}",
            "Everything was left running. See skytier status and skytier logs.",
        )


@contextmanager
def _told(progress: Progress, step: Step) -> Iterator[Callable[[str], None]]:
    """Tell of a step's beginning and end, with the result that is said within."""
    result = ""

    def say(text: str) -> None:
        nonlocal result
        result = text

    began = time.monotonic()
    progress.started(step)
    try:
        yield say
    except BaseException:
        progress.failed(step)
        raise
    progress.done(step, result, time.monotonic() - began)
