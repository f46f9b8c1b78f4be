"""The application's releases on the machines, planned and carried out like any other resource."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from skytier import release
from skytier.deploy.checks import wait_until_well
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, DELIVERY, RELEASE, SERVER
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.machines import balancer
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.variables import KeptVariables
from skytier.openstack.plan.in_server import InServer
from skytier.openstack.plan.resolved import Pinned
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.project import PREFIX
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.static_files import StaticFiles
from skytier.release import Lines, history
from skytier.release.application import Application
from skytier.release.author import me
from skytier.release.platform import Platform, System
from skytier.roles import ROLES

PINNED = f"{PREFIX}pinned"
"""The key in a server's metadata of the release that a rollback led to."""
_READY = (SERVER, CONFIGURATION, Container.name)
"""What has to be there before a release."""
MIGRATES = f"{PREFIX}migrates"
"""The key in the metadata of the server that migrates: its next release has to, since the database
got other data."""


def web_servers(known: Mapping[Key, Found]) -> list[str]:
    """The machines that run the application, in their order. Raises SkytierError without any."""
    found = [
        (each.facts["role"], each.facts["number"], key.name)
        for key, each in known.items()
        if key.kind == Server.name and each.facts["role"] in ROLES
    ]
    names = [name for role, _, name in sorted(found) if ROLES[role].runs_application]
    if not names:
        raise SkytierError("The stack has no web server.", "Run: skytier up")
    return names


def pinned_by(servers: Iterable[Found]) -> Pinned | None:
    """The release that a rollback led to, as one of the servers says."""
    for server in servers:
        metadata = server.facts["metadata"]
        if pinned := metadata.get(PINNED):
            return Pinned(pinned, metadata.get(Releases.metadata, pinned))
    return None


def note_migrations(servers: Server) -> None:
    """Note that the database gets other data, so that the next release runs its migrations.

    Also of a source that is released already. Where no server is there, the first one does so.
    """
    for each in servers.find():
        role = ROLES.get(each.facts["role"])
        if role and role.runs_application and each.facts["number"] == 1:
            servers.note(each.id, {MIGRATES: "yes"})


def releases_anew(steps: Sequence[Step]) -> bool:
    """Whether a release is switched on that no machine of the stack has yet."""
    switches = [s for s in steps if s.key.kind == RELEASE and s.action is not Action.KEEP]
    there = {s.found.attributes.get("release") for s in steps if s.key.kind == RELEASE and s.found}
    return any(s.wanted and s.wanted.attributes["release"] not in there for s in switches)


def steps_of_release(steps: Sequence[Step]) -> tuple[list[Step], list[Step], list[Step]]:
    """The steps that release: all; those up to the first machine that is switched; the rest.

    Raises SkytierError where a machine is not there, or not set up.
    """
    kept = [step for step in steps if step.action is Action.KEEP]
    made = {step.key for step in steps if step.action in (Action.CREATE, Action.REPLACE)}
    kinds = (StaticFiles.name, DELIVERY, RELEASE)
    done = [s for s in steps if s.key.kind in kinds and s not in kept]
    for step in done:
        missing = [key for key in step.needs if key in made and key.kind in _READY]
        if missing:
            raise SkytierError(
                f"{step.key.name} is not ready for a release: the {missing[0]} has to be made.",
                "Bring the stack up first: skytier up",
            )
    switches = [step for step in done if step.key.kind == RELEASE]
    first = [step for step in done if step.key.kind != RELEASE] + switches[:1]
    return [*kept, *done], [*kept, *first], [*kept, *switches[1:]]


def switches(steps: Sequence[Step]) -> int:
    """How many machines they switch to another release."""
    return sum(step.key.kind == RELEASE and step.action is not Action.KEEP for step in steps)


def build_ahead(application: Application, system: System) -> None:
    """Begin to build the release for a distribution, while its machines are being made.

    A guess that saves time: what goes wrong with it is said when a machine needs the release.
    """
    target = Platform.likely(system)

    def build() -> None:
        with suppress(SkytierError):
            if target:
                release.build(application, target)

    threading.Thread(target=build, daemon=True).start()


@dataclass(frozen=True)
class Deliveries(InServer):
    """`attributes`: release, the id of the source whose release lies on the machine, unused yet.

    It needs nothing but a way in and a Python, so it goes on while the machine is set up.
    """

    name: ClassVar[str] = DELIVERY
    attribute: ClassVar[str] = "release"
    metadata: ClassVar[str] = f"{PREFIX}delivered"

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Build it for the machine, send what it has not, unpack."""
        host = self.access.open(wanted.key.name, known, tell)
        target = release.target(host)
        if target is None:
            # Its set-up brings a Python; whoever switches to the release sends it first.
            return found
        if self.resolved.pinned:
            _fetch(self.resolved.pinned.id, wanted.key.name, self.access, known, tell)
            return self.noted(found, wanted.attributes["release"])
        built = release.build(self.resolved.application, target, progress=tell)
        tell(f"sending {built.id}")
        release.unpack(host, built)
        return self.noted(found, wanted.attributes["release"])


@dataclass(frozen=True)
class Releases(InServer):
    """`attributes`: release, the id of the source that the running release was built from.

    The server's metadata has it. On the machine the id is another one, which has what the release
    was built for in it too.
    """

    name: ClassVar[str] = RELEASE
    attribute: ClassVar[str] = "release"
    metadata: ClassVar[str] = f"{PREFIX}release"

    variables: KeptVariables

    @classmethod
    def among(cls, servers: Iterable[Found]) -> Iterable[Found]:
        """Those of servers that ever got it. One whose migrations have to run is to be mended."""
        servers = list(servers)
        due = {each.key.name for each in servers if _is_due(each)}
        for found in super().among(servers):
            if found.key.name in due:
                yield replace(
                    found,
                    fault="the database got other data, from a backup or a dump",
                    mend="its migrations run",
                )
            else:
                yield found

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Switch to what was delivered, on the first machine after migrating, and wait for it.

        This is the end of a web server's turn, whatever was done to it.
        """
        wanted_release = wanted.attributes["release"]
        host = self.access.open(wanted.key.name, known, tell)
        target = release.target(host)
        if target is None:
            raise SkytierError(
                f"{host.name} has no Python 3.11 or newer, though it is set up.",
                f"Look at it: skytier ssh {host.name} -- ls -l /opt/skytier",
            )
        variables = self.variables.settled(self.resolved.application.variables, known)
        if pinned := self.resolved.pinned:
            go_back(pinned.id, wanted.key.name, self.access, known, tell)
        else:
            release.ship(
                {host.name: host},
                release.build(self.resolved.application, target, progress=tell),
                author=self.resolved.author,
                variables=variables.for_release(),
                # One machine after another is switched: the first one migrates for all.
                migrates=wanted.creation["number"] == 1,
                progress=tell,
            )
        setup = self.resolved.setup(wanted.creation["role"], wanted.creation["number"], known)
        checks = [each for each in setup.checks if not each.outside]
        wait_until_well(host, checks, tell)
        balancer.after(host, self.access, known, tell)
        server = known[Key(SERVER, wanted.key.name)]
        self.variables.copy(variables, host, server)
        is_due = not self.resolved.pinned and server.facts["metadata"].get(MIGRATES)
        migrated = {MIGRATES: ""} if is_due else {}
        self.servers.note(found.id, {Deliveries.metadata: wanted_release, **migrated})
        return self.noted(found, wanted_release)


def _is_due(server: Found) -> bool:
    """Whether its next release has to migrate. One that a rollback led to migrates nothing."""
    metadata = server.facts["metadata"]
    return bool(metadata.get(MIGRATES)) and not metadata.get(PINNED)


def go_back(wanted: str, name: str, access: Access, known: Known, tell: Tell) -> Host:
    """Switch a machine to a release of a rollback, and wait until it is healthy.

    Returns the machine.
    """
    host = _fetch(wanted, name, access, known, tell)
    tell(f"switching to {wanted}")
    release.activate(host, wanted, Lines(healthy=history.rolled_back(wanted, me())), progress=tell)
    return host


def _fetch(wanted: str, name: str, access: Access, known: Known, tell: Tell) -> Host:
    """Have a release on a machine: from another one, where it has it not. Returns the machine."""
    host = access.open(name, known, tell)
    if wanted in release.releases(host).there:
        return host
    for each in web_servers(known):
        if each == name:
            continue
        source = access.open(each, known, tell)
        if wanted in release.releases(source).there:
            tell(f"fetching {wanted} from {each}")
            release.carry(source, host, wanted)
            return host
    raise SkytierError(
        f"No machine has the release {wanted} any more, to which a rollback led.",
        "Release the source: skytier release",
    )
