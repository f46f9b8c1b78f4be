"""The configuration of a machine, planned and carried out like any other resource."""

from collections.abc import Iterable
from dataclasses import dataclass

from skytier.cloud import machines
from skytier.cloud.access import Access
from skytier.cloud.vault import Vault
from skytier.resources.kind import Found, Key, Known, Tell, Wanted
from skytier.resources.project import PREFIX
from skytier.resources.server import Server
from skytier.roles.role import fingerprint
from skytier.wanted import CONFIGURATION, Blueprint

FINGERPRINT = f"{PREFIX}configuration"


@dataclass(frozen=True)
class Configuration:
    """`attributes`: fingerprint, of all that the role puts on the machine.

    The server's metadata says with which one its checks passed last, so that a plan needs no way
    into the machine.
    """

    servers: Server
    blueprint: Blueprint
    access: Access
    vault: Vault
    name: str = CONFIGURATION
    fixed: frozenset[str] = frozenset()

    def find(self) -> Iterable[Found]:
        """Those of the stack's servers that were ever configured."""
        for server in self.servers.find():
            if value := server.facts["metadata"].get(FINGERPRINT):
                key = Key(self.name, server.key.name)
                yield Found(key, server.id, {"fingerprint": value})

    def create(self, wanted: Wanted, known: Known) -> Found:
        """Nothing is there to be made but the server."""
        server = known[Key("server", wanted.key.name)]
        return Found(wanted.key, server.id, {})

    def settle(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Get in, set up, and wait for the checks."""
        host = wanted.key.name
        role, number = wanted.creation["role"], wanted.creation["number"]
        setup = self.blueprint.setup(role, number, known)
        shell = self.access.shell
        self.access.open(host, known, tell)
        machines.wait_for_first_boot(shell, host, tell)
        machines.check_first_boot(shell, host, setup.checks)
        secrets = self.vault.get(list(setup.secrets), self.blueprint.site(known))
        machines.set_up(shell, host, setup, secrets, tell)
        machines.check(shell, host, setup.checks, tell)
        value = fingerprint(setup)
        self.servers.note(found.id, {FINGERPRINT: value})
        return Found(found.key, found.id, {"fingerprint": value})

    def delete(self, found: Found, tell: Tell) -> None:
        """It goes with its server."""
