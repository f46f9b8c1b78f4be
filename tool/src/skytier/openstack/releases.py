"""The application's releases on the machines, planned and carried out like any other resource."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from skytier import release
from skytier.deploy.checks import wait_until_well
from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.deploy.update import DELIVERY, RELEASE
from skytier.errors import SkytierError
from skytier.openstack.in_server import InServer
from skytier.openstack.resources.project import PREFIX
from skytier.release.application import Application
from skytier.release.platform import Platform, System


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

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Switch to what was delivered, on the first machine after migrating, and wait for it."""
        wanted_release = wanted.attributes["release"]
        host = self.access.open(wanted.key.name, known, tell)
        target = release.target(host)
        if target is None:
            raise SkytierError(
                f"{host.name} has no Python 3.11 or newer, though it is set up.",
                f"Look at it: skytier ssh {host.name} -- ls -l /opt/skytier",
            )
        built = release.build(self.resolved.application, target, progress=tell)
        # One machine after another is switched: the first one migrates for all.
        migrates = wanted.creation["number"] == 1
        release.ship({host.name: host}, built, migrates=migrates, progress=tell)
        setup = self.resolved.setup(wanted.creation["role"], wanted.creation["number"], known)
        checks = [each for each in setup.checks if not each.outside]
        wait_until_well(host, checks, tell)
        self.servers.note(found.id, {Deliveries.metadata: wanted_release})
        return self.noted(found, wanted_release)
