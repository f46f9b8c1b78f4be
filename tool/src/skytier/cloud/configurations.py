"""The configuration of a machine, planned and carried out like any other resource."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from skytier.cloud import machines
from skytier.cloud.access import Access
from skytier.cloud.vault import Vault
from skytier.resources.kind import Found, Key, Known, Tell, Wanted
from skytier.resources.project import PREFIX
from skytier.resources.server import Server
from skytier.roles.fingerprint import fingerprint
from skytier.wanted import CONFIGURATION, Blueprint

FINGERPRINT = f"{PREFIX}configuration"


@dataclass(frozen=True)
class Configurations:
    """`attributes`: fingerprint, of all that the role puts on the machine.

    The server's metadata says with which one its checks passed last, so that a plan needs no way
    into the machine.
    """

    name: ClassVar[str] = CONFIGURATION
    fixed: ClassVar[frozenset[str]] = frozenset()

    servers: Server
    blueprint: Blueprint
    access: Access
    vault: Vault

    @staticmethod
    def among(servers: Iterable[Found]) -> Iterable[Found]:
        """Those of servers that were ever configured."""
        for server in servers:
            if value := server.facts["metadata"].get(FINGERPRINT):
                key = Key(CONFIGURATION, server.key.name)
                yield Found(key, server.id, {"fingerprint": value})

    def find(self) -> Iterable[Found]:
        """Those of the stack's servers."""
        return self.among(self.servers.find())

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nothing is there to be made but the server."""
        server = known[Key("server", wanted.key.name)]
        return Found(wanted.key, server.id, {})

    def settle(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Get in, set up (which waits for the first boot to end), and wait for the checks."""
        host = wanted.key.name
        role, number = wanted.creation["role"], wanted.creation["number"]
        setup = self.blueprint.setup(role, number, known)
        shell = self.access.shell
        self.access.open(host, known, tell)
        secrets = self.vault.get(setup.secrets, self.blueprint.site(known), known)
        machines.set_up(shell, host, setup, secrets, tell)
        checks = [each for each in setup.checks if not each.needs_release]
        machines.check(shell, host, checks, tell)
        value = fingerprint(setup)
        self.servers.note(found.id, {FINGERPRINT: value})
        return Found(found.key, found.id, {"fingerprint": value})

    def delete(self, found: Found, tell: Tell) -> None:
        """It goes with its server."""
