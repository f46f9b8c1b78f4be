"""The application's releases on the machines, planned and carried out like any other resource."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from skytier import release
from skytier.cloud import machines
from skytier.cloud.access import Access
from skytier.release import source
from skytier.resources.kind import Found, Key, Known, Tell, Wanted
from skytier.resources.project import PREFIX
from skytier.resources.server import Server
from skytier.ssh import Ssh
from skytier.wanted import RELEASE, Blueprint

METADATA = f"{PREFIX}release"


@dataclass(frozen=True)
class Machine:
    """A machine as a release wants it: it runs scripts as root."""

    shell: Ssh
    host: str

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a script. Raises SkytierError with what it said."""
        return self.shell.script(self.host, script, stdin)


@dataclass(frozen=True)
class Releases:
    """`attributes`: release, the id of the source that the running release was built from.

    The server's metadata has it. On the machine the id is another one, which has what the release
    was built for in it too.
    """

    name: ClassVar[str] = RELEASE
    fixed: ClassVar[frozenset[str]] = frozenset()

    servers: Server
    blueprint: Blueprint
    access: Access

    @staticmethod
    def current() -> str:
        """The id of the source beside this tool: `0.1.0-3f2a9c81d0e4`."""
        application = source.find()
        return f"{application.version}-{application.fingerprint()[:12]}"

    @staticmethod
    def among(servers: Iterable[Found]) -> Iterable[Found]:
        """Those of servers that ever got a release."""
        for server in servers:
            if value := server.facts["metadata"].get(METADATA):
                yield Found(Key(RELEASE, server.key.name), server.id, {"release": value})

    def find(self) -> Iterable[Found]:
        """Those of the stack's servers."""
        return self.among(self.servers.find())

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nothing is there to be made but the server."""
        server = known[Key("server", wanted.key.name)]
        return Found(wanted.key, server.id, {})

    def settle(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Build it for the machine, send it, migrate, switch, and wait until all is well."""
        host = wanted.key.name
        self.access.open(host, known, tell)
        machine = Machine(self.access.shell, host)
        built = release.build(release.target(machine), progress=tell)
        release.ship({host: machine}, built, progress=tell)
        setup = self.blueprint.setup(wanted.creation["role"], wanted.creation["number"], known)
        machines.check(self.access.shell, host, setup.checks, tell)
        value = wanted.attributes["release"]
        self.servers.note(found.id, {METADATA: value})
        return Found(found.key, found.id, {"release": value})

    def delete(self, found: Found, tell: Tell) -> None:
        """It goes with its server."""
