"""A new password of the database of a stack on a cloud, while the application goes on serving."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from skytier.deploy.apply import Events, Progress, apply
from skytier.deploy.checks import wait_until_well
from skytier.deploy.files import keep_secrets, read_secrets
from skytier.deploy.kind import Found, Key, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.task import Task
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.hosts.ssh import Ssh
from skytier.openstack.machines import balancer
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.configurations import Configurations
from skytier.openstack.plan.releases import web_servers
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.volume import Volume
from skytier.openstack.stack import CloudStack
from skytier.poll import until
from skytier.secrets import DIRECTORY
from skytier.services.postgresql import rotation
from skytier.services.postgresql.login import Login
from skytier.services.postgresql.secrets import NEXT, PASSWORD

PROCESSES = "processes"
"""The check of the processes beside the web."""
PSQL = (
    "cd / && exec runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align "
    "--set=ON_ERROR_STOP=1 --dbname=postgres --file=-"
)
TAKE_OVER = f"cd {DIRECTORY} && [ ! -e {NEXT} ] || {{ sync {NEXT} && mv {NEXT} {PASSWORD}; }}"
TAKES_WRITES = (
    "cd / && runuser -u postgres -- psql --no-psqlrc --tuples-only --no-align --dbname=postgres "
    "--command='SELECT NOT pg_is_in_recovery()' || true"
)
USERS = "exec /usr/local/sbin/skytier-units before /etc/skytier/credentials/skytier_database_url"


@dataclass(frozen=True)
class MachineLogin:
    """See `skytier.services.postgresql.rotation.Place`: the machines that have both."""

    hosts: Sequence[Host]
    """The first one's login counts. Other members of the database have it too."""

    def current(self) -> Login:
        """A file that only root can read."""
        return Login.read(self._kept()[PASSWORD])

    def kept_aside(self) -> Login | None:
        """A file beside it."""
        text = self._kept().get(NEXT)
        return Login.read(text) if text else None

    def keep_aside(self, login: Login) -> None:
        """By the standard input of a command."""
        for host in reversed(self.hosts):
            keep_secrets(host, {NEXT: login.text})

    def take_over(self) -> None:
        """By its name, on the first one last: so the next run finishes one that was interrupted."""
        for host in reversed(self.hosts):
            host.run(TAKE_OVER)

    def sql(self, script: str) -> str:
        """By the standard input, so that no command line has a password. On the primary."""
        if len(self.hosts) == 1:
            return self.hosts[0].run(PSQL, script.encode())
        for host in self.hosts:
            if host.run(TAKES_WRITES).strip() == "t":
                return host.run(PSQL, script.encode())
        raise SkytierError(
            "No member of the database is the primary now.",
            "See how they are: skytier status. Then run it again.",
        )

    def on_replicas(self, script: str) -> None:
        """By the standard input. One that is away has no session that goes on."""
        for host in self.hosts if len(self.hosts) > 1 else ():
            with suppress(SkytierError):
                if host.run(TAKES_WRITES).strip() == "f":
                    host.run(PSQL, script.encode())

    def _kept(self) -> Mapping[str, str]:
        return read_secrets(self.hosts[0])


class Moves(Configurations):
    """Configurations that are set up again for a secret, as part of a rotation."""

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Set up, and wait until the application is healthy.

        A process that finishes its work with the former password is waited for at the end.
        """
        done = super().reconcile(wanted, found, known, tell)
        setup = self.resolved.setup(wanted.creation["role"], wanted.creation["number"], known)
        host = self.access.open(wanted.key.name, known, tell)
        checks = [each for each in setup.checks if not each.outside and each.name != PROCESSES]
        wait_until_well(host, checks, tell)
        balancer.after(host, self.access, known, tell)
        return done


def rotate(stack: CloudStack, progress: Progress, *, now: bool = False) -> bool:
    """Change the password, have one web server after another use it, and end the former one.

    The former one ends once no process of the application has it any more, or `now`. Returns False
    where it finished a rotation that was interrupted before. Raises SkytierError; the next run
    finishes what was begun.
    """
    lost = threading.Event()
    with stack.held("secret", lost), Ssh() as shell:
        planned = stack.plan()
        check(planned.steps)
        stack.operator.check_key(planned.public_key)
        access = Access(stack.connection, stack.operator, shell, publish=True)
        servers = Server(stack.project)
        volumes = Volume(stack.project, stack.has_volumes)
        secrets = stack.secrets(planned, access)
        moves = Moves(servers, planned.resolved, access, secrets, volumes)
        return carry_out(moves, planned.known, progress, lost, now=now)


def check(steps: Sequence[Step]) -> None:
    """Raises SkytierError where a machine is not as it is wanted: it would be changed, too."""
    for step in steps:
        if step.key.kind in (SERVER, CONFIGURATION) and step.action is not Action.KEEP:
            raise SkytierError(
                f"The stack is not as its stack file says: {step.action} {step.key} "
                f"({step.reason}).",
                "Bring it up first: skytier up",
            )


def carry_out(
    moves: Moves,
    known: Known,
    events: Events,
    stop: threading.Event | None = None,
    *,
    now: bool = False,
) -> bool:
    """The same for the machines that are known."""
    store = moves.resolved.secret_store()
    keepers = moves.resolved.secret_keepers()
    place = MachineLogin([moves.access.open(each, known, lambda text: None) for each in keepers])
    names = web_servers(known)
    begun: list[bool] = []

    def begin(tell: Tell) -> str:
        begun.append(rotation.begin(place))
        return "the new one works"

    def end(tell: Tell) -> str:
        for name in names if not now else ():
            _wait(name, moves.access.open(name, known, tell), tell)
        rotation.finish(place)
        return "it does not log in any more"

    first, last = Task("password", begin), Task("old login", end)
    steps = [_step(Key(first.name, store.name), [])]
    for name in names:
        server = known[Key(SERVER, name)]
        place_of = {each: server.facts[each] for each in ("role", "number")}
        there = known[Key(CONFIGURATION, name)]
        steps.append(_step(there.key, steps, place_of, there))
    steps.append(_step(Key(last.name, store.name), steps))
    kinds: dict[str, Kind] = {first.name: first, CONFIGURATION: moves, last.name: last}
    apply(steps, kinds, events, known, stop, RepeatedCalls())
    return begun[0]


def _step(
    key: Key,
    before: Sequence[Step],
    creation: Mapping[str, object] | None = None,
    there: Found | None = None,
) -> Step:
    """One after another."""
    needs = tuple(step.key for step in before[-1:])
    wanted = Wanted(key, {}, creation or {})
    found = there or Found(key, "", {})
    return Step(Action.CHANGE, key, "a rotation", needs, wanted, found)


def _wait(name: str, host: Host, tell: Tell) -> None:
    """Wait until nothing on a web server runs that is from before its new password."""
    found: list[str] = []

    def ended() -> bool:
        found[:] = host.run(USERS).split()
        tell(f"waiting on {name} for {', '.join(found)}" if found else name)
        return not found

    if not until(ended, rotation.WAIT_S, every_s=1):
        raise rotation.still_used(f"{', '.join(found)} on {name}")
