"""The configuration of a machine, planned and carried out like any other resource."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skytier.deploy.checks import wait_until_well
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.restore import INSTALLED
from skytier.deploy.setup import set_up
from skytier.deploy.update import CONFIGURATION, RELEASE, SERVER
from skytier.deploy.upgrade import upgrade
from skytier.hosts.restart import despite_restart
from skytier.openstack.plan import carried_certificate
from skytier.openstack.plan.given_secrets import MARKS
from skytier.openstack.plan.in_server import InServer
from skytier.openstack.plan.kept_secrets import KeptSecrets
from skytier.openstack.resources.server import PUBLIC_KEY, public_key_of
from skytier.openstack.resources.volume import (
    CONFIGURED,
    DATA,
    DATA_ID,
    KEPT,
    POSTGRESQL,
    Volume,
)
from skytier.services.setup import Setup


@dataclass(frozen=True)
class Configurations(InServer):
    """`attributes`: fingerprint, of all that the role puts on the machine.

    The server's metadata says with which one its checks passed last, so that a plan needs no way
    into the machine.
    """

    name: ClassVar[str] = CONFIGURATION
    attribute: ClassVar[str] = "fingerprint"
    metadata: ClassVar[str] = CONFIGURED

    kept: KeptSecrets
    volumes: Volume
    mends: Mapping[str, str] = field(default_factory=dict)
    """Scripts that run on machines first, by their names: they mend what is wrong there."""

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Get in, set up (which waits for the first boot to end), and wait for the checks."""
        role, number = wanted.creation["role"], wanted.creation["number"]
        setup = self.resolved.setup(role, number, known)
        host = self.access.open(wanted.key.name, known, tell)
        if script := self.mends.get(wanted.key.name):
            tell("mending")
            host.run(script)
        carried_certificate.carry(self.resolved, self.access, host, known, tell)
        secrets = self._secrets(setup, known, wanted.key.name)
        now = known.get(Key(RELEASE, wanted.key.name))
        follows = now is not None and now.attributes["release"] != self.resolved.release
        holds_data = bool(self.resolved.roles[role].holds_data)
        database = self.resolved.stack.database
        volume = known.get(self.resolved.key(Volume.name, role, number))
        if (
            volume
            and database.version
            and volume.facts["postgresql"] not in ("", str(database.version))
        ):
            # Until it is set up, so that a run that is cut leaves no version that is not true.
            self.volumes.note(volume.id, {POSTGRESQL: ""})
        if holds_data and database.version and database.members == 1:
            upgrade(host, setup, database.version, tell)
        founds = holds_data and number == 1 and not self._others(role, wanted.key, known)
        checks = [each for each in setup.checks if not (each.needs_release or each.outside)]

        def configure() -> None:
            set_up(host, setup, secrets, tell, release_follows=follows, founds=founds)
            wait_until_well(host, checks, tell)

        # A watchdog restarts a member of the database that is too busy to answer it.
        despite_restart(host, lambda: self.access.reach(host.name, tell), configure)
        if volume:
            version = database.version or host.run(INSTALLED).strip()
            self.volumes.note(volume.id, {DATA: KEPT, POSTGRESQL: str(version)})
            self.servers.note(found.id, {DATA_ID: volume.id})
        key = public_key_of(self.resolved.key("key pair").name, known)
        if key and known[Key(SERVER, host.name)].facts["metadata"].get(PUBLIC_KEY) != key:
            self.servers.note(found.id, {PUBLIC_KEY: key})
        used = {name: text for name, text in secrets.items() if name in setup.secrets}
        if marks := self.kept.marks(used, known):
            self.servers.note(found.id, {MARKS: " ".join(marks)})
        return self.noted(found, self.resolved.fingerprint(role, number, known))

    def _others(self, role: str, own: Key, known: Known) -> list[Key]:
        """The other machines of a role that were set up before."""
        return [
            key
            for key in known
            if key.kind == CONFIGURATION and key != own
            if known[Key(SERVER, key.name)].facts["role"] == role
        ]

    def _secrets(self, setup: Setup, known: Known, name: str) -> dict[str, str]:
        # They may have been read from the machine that this one takes the place of. Each member of
        # the database has all of them, so that the loss of one loses none.
        with_all = name in self.resolved.secret_keepers()
        return self.kept.get(setup.secrets, known, with_all=with_all)
