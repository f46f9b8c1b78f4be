"""The stack on this machine: brings up what is wanted, and takes it down."""

from collections.abc import Iterator, Mapping, Sequence

from skytier import files, health
from skytier.backend import Outcome
from skytier.deploy.apply import Progress, apply
from skytier.deploy.kind import Found, Key, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step, nothing_to_do
from skytier.deploy.task import Task
from skytier.errors import SkytierError
from skytier.local import desired, lock, options, port, without_database
from skytier.local.application import (
    DATABASE_URL,
    REDIS_CACHE_URL,
    REDIS_URL,
    SECRET_KEY,
    Application,
)
from skytier.local.built import Built
from skytier.local.daemon import State
from skytier.local.home import Home
from skytier.local.installed import Installed
from skytier.local.monitor.kind import Monitor
from skytier.local.nginx import Nginx
from skytier.local.options import Given, Options
from skytier.local.planned import Plan, Removal
from skytier.local.postgresql import Postgresql
from skytier.local.processes import Processes
from skytier.local.program import Program
from skytier.local.redis import Redis, Urls
from skytier.local.releases import unknown_migrations
from skytier.local.service import Deletion, LocalService, key
from skytier.release.history import STAYS, Releases, Rollback
from skytier.stackfile import StackFile

CHECK, HOME = "check", "home"
CHECK_TIMEOUT_S = 90.0

_NO_BACKUPS = (
    "No backups are made on this machine: the section [backup] is for a stack on a cloud. Keep "
    "the data yourself: skytier database export FILE"
)
_OTHER_VERSION = (
    "database.version is ignored on this machine, whose PostgreSQL is chosen by skytier up "
    "--postgres. Its data stays with the version that it was made with."
)


class LocalStack:
    """PostgreSQL, the application and Nginx of one home, and what watches them."""

    def __init__(
        self, home: Home, stack: StackFile | None = None, given: Given | None = None
    ) -> None:
        self.home = home
        self._given = given or Given()
        self.is_own = stack is not None and stack.application.is_own
        self._asks_for_backups = stack is not None and stack.has_backups
        self.has_database = stack is None or stack.has_database
        self._asks_for_version = bool(stack and stack.has_database and stack.database.version)
        self.program: Program = Built(home, stack) if stack and self.is_own else Installed()
        self.nginx = Nginx(home, self.program)
        self.application = Application(home, self.program, behind_nginx=self.nginx.installed)
        self.postgresql = Postgresql(home, is_wanted=self.has_database)
        self.redis = Redis(home, is_wanted=stack is not None and stack.cache.enabled)
        database = self.postgresql if self.has_database else None
        self.monitor = Monitor(
            home,
            database,
            behind_nginx=self.nginx.installed,
            is_measured=stack is None or stack.runs.is_measured,
        )
        self.processes = Processes(home, self.program, self.application, database)
        self._services: Sequence[LocalService | Monitor] = (
            self.postgresql,
            self.redis,
            self.processes,
            self.application,
            self.nginx,
            self.monitor,
        )

    def states(self) -> dict[str, State]:
        """Every service of the stack as it is now."""
        return {each.name: each.state() for each in self._services if each.is_part}

    def find(self) -> list[Found]:
        """The services that there are."""
        return [found for service in self._services for found in service.find()]

    def plan(self, *, anew: bool = False, looks: bool = False) -> Plan:
        """What is known before the steps are; those are decided in `up`. Raises SkytierError.

        `up` looks at all processes in any case.
        """
        missing = [_NO_BACKUPS] if self._asks_for_backups else []
        ignored = [_OTHER_VERSION] if self._asks_for_version else []
        return Plan([*self.program.warnings(), *missing, *ignored], self._replaced(), anew)

    def choose_versions(self, plan: Plan, *, upgrade: bool = False) -> str:
        """For this machine. A release that stays has its own."""
        if not isinstance(self.program, Built) or (self.stays and not plan.anew):
            return ""
        return self.program.choose_versions(upgrade=upgrade)

    def up(self, approved: Plan, progress: Progress) -> Outcome:
        """Bring up what the remembered options and those that were given ask for.

        Raises SkytierError; running it again goes on from there.
        """
        if approved.anew:
            self.program.anew()
        self.home.create()
        with lock.held(self.home.lock):
            chosen = options.load(self.home).changed(**self._given.options)
            # What may be refused comes before anything is remembered.
            self._check_port(chosen)
            if not self.has_database:
                without_database.check(self.program, self._given.options.get("postgres"))
            configs = self._servers(chosen)
            urls = self._redis_urls()
            if self.redis.serves(urls):
                configs[Redis.name] = self.redis.config(chosen)
            self._remember(chosen, self._given.database_url, urls)
            configs[Application.name] = self.application.config(chosen)
            if self.processes.wanted():
                configs[Processes.name] = self.processes.config(chosen)
            if chosen.monitor:
                configs[Monitor.name] = self.monitor.config(chosen)
            tasks = (
                *([desired.RELEASE] if self.is_own else []),
                *([desired.MIGRATIONS] if self.has_database else []),
            )
            steps = desired.steps(desired.wanted(configs, chosen, tasks), self.find())
            self.program.hook("before")
            not_watched = self.carry_out(steps, chosen, progress)
            self.home.note_source(self.program.source)
        self.program.hook("after")
        return Outcome(chosen.url, not nothing_to_do(steps), not_watched=not_watched)

    @property
    def stays(self) -> str:
        """A sentence about the release that a rollback led to; empty without one."""
        kept = self.program.kept if isinstance(self.program, Built) else None
        return STAYS.format(kept.id) if kept else ""

    @property
    def serving(self) -> str:
        """The id of the release that serves; empty for the sample application."""
        current = self.program.releases.current() if isinstance(self.program, Built) else None
        return current or ""

    def releases(self) -> Releases:
        """What was released. Raises SkytierError for the sample application, which is installed."""
        program = self._built()
        return Releases(program.releases.history(), frozenset(program.releases.there()))

    def rollback(self, progress: Progress, name: str | None = None) -> Rollback:
        """Switch back to the healthy release before, or to one of a number or an id.

        Nothing is built, and no migration is run. Raises SkytierError.
        """
        program = self._built()
        self.home.check_is_one()
        chosen = options.load(self.home)
        with lock.held(self.home.lock):
            releases = self.releases()
            entry = releases.target(name)
            now = program.releases.current()
            if not self.has_database:
                without_database.check_release(program.releases, entry.id)
            unknown = unknown_migrations(program.releases, now, entry.id) if now else []
            program.back(entry)
            configs = {Application.name: self.application.config(chosen)}
            if self.processes.wanted():
                configs[Processes.name] = self.processes.config(chosen)
            kinds = (Application.name, Processes.name)
            there = [each for each in self.find() if each.key.kind in kinds]
            steps = desired.steps(desired.wanted(configs, chosen, ()), there)
            self.carry_out(steps, chosen, progress)
        return Rollback(entry, unknown)

    def removal(self, *, purge: bool) -> Removal:
        """With `purge`, the home with all data; else nothing is lost."""
        return Removal(self.home.path if purge and self.home.path.exists() else None, purge)

    def down(self, progress: Progress, *, purge: bool = False) -> bool:
        """Stop what runs; with `purge`, delete the home too. Returns whether anything ran."""
        if not self.home.path.exists() or not (purge or self.home.exists()):
            return False
        self.home.check_is_one()
        with lock.held(self.home.lock):
            stops = desired.steps([], self.find())
            delete = [_deletion_of_home(stops)] if purge else []
            progress.planned([*stops, *delete])
            apply([*stops, *delete], self._kinds(options.Options()), progress, Known())
        return bool(stops)

    def run_application(self, *arguments: str) -> str:
        """Run a command beside the application, with its code. Returns its output."""
        return self.application.run(self._running(), *arguments)

    def follow_application(self, *arguments: str) -> Iterator[str]:
        """The same, line by line while it runs."""
        return self.application.follow(self._running(), *arguments)

    def attend_application(self, *words: str) -> int:
        """Run a command that has the terminal. Returns its exit code."""
        return self.application.attend(self._running(), *words)

    def _replaced(self) -> str | None:
        there = self.home.source()
        if there is None or there == self.program.source:
            return None
        return f"the application of {there}" if there else "the sample application"

    def _built(self) -> Built:
        if not isinstance(self.program, Built):
            raise SkytierError(
                "The sample application runs on this machine as it is installed: it has no "
                "releases here.",
                "An application of your own has: see docs/how-to/run-your-own-application.md.",
            )
        return self.program

    def _running(self) -> Options:
        if self.application.state().pid is None:
            raise SkytierError("The application does not run.", "Start it: skytier up")
        return options.load(self.home)

    def _remember(self, chosen: Options, database: str | None, redis: Urls) -> None:
        options.save(self.home, chosen)
        path = self.home.secrets / DATABASE_URL
        if chosen.postgres != options.ELSEWHERE and self.has_database:
            database = self.postgresql.url()
        if database:
            files.write(path, database + "\n", 0o600)
        self.home.secret(SECRET_KEY, 48)
        for name, url in ((REDIS_URL, redis.kept), (REDIS_CACHE_URL, redis.cache)):
            path = self.home.secrets / name
            if url:
                files.write(path, url + "\n", 0o600)
            else:
                path.unlink(missing_ok=True)

    def _redis_urls(self) -> Urls:
        path = self.home.secrets / REDIS_URL
        now = path.read_text().strip() if path.exists() else None
        return self.redis.urls(now, self._given.redis_url)

    def _servers(self, chosen: Options) -> dict[str, Mapping[str, str | None]]:
        configs: dict[str, Mapping[str, str | None]] = {}
        if chosen.monitor:
            self.monitor.assign_ports()
        if chosen.postgres != options.ELSEWHERE and self.has_database:
            configs[Postgresql.name] = self.postgresql.config(chosen)
        if self.nginx.installed:
            configs[Nginx.name] = self.nginx.config(chosen)
        return configs

    def _check_port(self, chosen: Options) -> None:
        holder = port.holder(chosen.bind, chosen.port)
        if holder is None:
            return
        ours = {
            process.pid
            for service in (self.postgresql, self.application, self.nginx)
            for process in service.daemon.processes()
        }
        if holder.pid not in ours:
            raise port.taken(chosen.bind, chosen.port, holder)

    def carry_out(
        self, steps: Sequence[Step], chosen: Options, progress: Progress
    ) -> SkytierError | None:
        """Carry out a plan, and check the whole. Returns why the stack is not watched."""
        stops = [step for step in steps if step.action is Action.DELETE]
        # The release before uses them until it is gone. Their data stays.
        last = [step for step in stops if step.key.kind in (Postgresql.name, Redis.name)]
        stops = [step for step in stops if step not in last]
        others = [step for step in steps if step not in (*stops, *last)]
        monitor = [step for step in others if step.key.kind == Monitor.name]
        services = [step for step in others if step not in monitor]
        services.append(
            _check_step([step.key for step in services], chosen.url + self.program.health)
        )
        progress.planned([*stops, *services, *last, *monitor])
        kinds = self._kinds(chosen)
        apply(stops, kinds, progress, Known())
        try:
            apply(services, kinds, progress, Known())
        except SkytierError:
            self.processes.go_back(chosen)
            raise
        apply(last, kinds, progress, Known())
        # The monitor comes last, and the application does not depend on it.
        try:
            apply(monitor, kinds, progress, Known())
        except SkytierError as error:
            return error
        return None

    def _kinds(self, chosen: Options) -> dict[str, Kind]:
        tasks = (
            Task(desired.RELEASE, self.program.prepare),
            Task(
                desired.MIGRATIONS, lambda _: self.application.migrate(chosen, self.postgresql.psql)
            ),
            Task(CHECK, lambda _: self._check(chosen)),
            Deletion(HOME, self._purge),
        )
        kinds: list[Kind] = [*self._services, *tasks]
        return {kind.name: kind for kind in kinds}

    def _check(self, chosen: Options) -> str:
        answer = health.wait(f"{chosen.url}{self.program.health}", CHECK_TIMEOUT_S)
        if answer:
            return "healthy"
        log = files.last_lines(self.application.daemon.log, 8)
        raise SkytierError(
            f"{chosen.url}{self.program.health} does not become healthy; it says: {answer}\n"
            f"The end of the application's log:\n{log}",
            "Everything was left running. See skytier status and skytier logs.",
        )

    def _purge(self, _: Tell) -> str:
        self.home.purge()
        return f"{self.home.path} is gone"


def _check_step(needs: Sequence[Key], url: str) -> Step:
    """The step that ends every `up`, also one that has nothing to do."""
    wanted = Wanted(key(CHECK), {"url": url})
    return Step(Action.CREATE, key(CHECK), "it ends every run", tuple(needs), wanted)


def _deletion_of_home(stops: Sequence[Step]) -> Step:
    """The step after all services are stopped."""
    needs = tuple(step.key for step in stops)
    return Step(Action.DELETE, key(HOME), "it was asked for", needs, found=Found(key(HOME), "", {}))
