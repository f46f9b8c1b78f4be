"""The application's releases on the machines, planned and carried out like any other resource."""

from dataclasses import dataclass
from typing import ClassVar

from skytier import release
from skytier.cloud import machines
from skytier.cloud.in_server import InServer
from skytier.release import source
from skytier.resources.kind import Found, Known, Tell, Wanted
from skytier.resources.project import PREFIX
from skytier.ssh import Ssh
from skytier.wanted import RELEASE


@dataclass(frozen=True)
class Machine:
    """A machine as a release wants it: it runs scripts as root."""

    shell: Ssh
    host: str

    def run(self, script: str, stdin: bytes | None = None) -> str:
        """Run a script. Raises SkytierError with what it said."""
        return self.shell.script(self.host, script, stdin)


@dataclass(frozen=True)
class Releases(InServer):
    """`attributes`: release, the id of the source that the running release was built from.

    The server's metadata has it. On the machine the id is another one, which has what the release
    was built for in it too.
    """

    name: ClassVar[str] = RELEASE
    attribute: ClassVar[str] = "release"
    metadata: ClassVar[str] = f"{PREFIX}release"

    @staticmethod
    def current() -> str:
        """The id of the source beside this tool: `0.1.0-3f2a9c81d0e4`."""
        application = source.find()
        return f"{application.version}-{application.fingerprint()[:12]}"

    def settle(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Build it for the machine, send it, migrate, switch, and wait until all is well."""
        host = wanted.key.name
        self.access.open(host, known, tell)
        machine = Machine(self.access.shell, host)
        built = release.build(release.target(machine), progress=tell)
        release.ship({host: machine}, built, progress=tell)
        setup = self.blueprint.setup(wanted.creation["role"], wanted.creation["number"], known)
        machines.check(self.access.shell, host, setup.checks, tell)
        return self.noted(found, wanted.attributes["release"])
