"""The stack's own secrets on the machine that keeps them, while the stack is changed.

With a database that is its server, which is not replaced. Without one it is the first web server.
While that one is replaced, its secrets are in the operator's own directory. When it is lost,
another machine that uses them still has them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from skytier import roles
from skytier.deploy.files import keep_secrets, read_secrets
from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.errors import SkytierError
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.plan import given_secrets
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.roles import ROLES
from skytier.secrets.secret import AccessKey, Given, Passphrase, Secret
from skytier.secrets.variables import FILE
from skytier.secrets.vault import Vault
from skytier.services.pgbackrest.secrets import KEY as BACKUP_KEY


class KeptSecrets:
    """Reads and keeps them. `before` is all that is there before the first step."""

    def __init__(
        self,
        resolved: ResolvedStack,
        operator: OperatorFiles,
        access: Access,
        before: Known,
        credentials: Ec2Credential | None = None,
    ) -> None:
        self._credentials = credentials
        self._resolved = resolved
        self._operator = operator
        self._access = access
        self._store = resolved.secret_store().name
        self._before = before
        self._gone: set[str] = set()
        self._replaced: set[str] = set()
        self._vault = Vault(self._keep, self._make)

    def get(self, names: Sequence[str], known: Known, *, with_all: bool = False) -> dict[str, str]:
        """The secrets of these names: see `Vault.get`."""
        declared = roles.secrets(self._resolved.topology(known))
        got = self._vault.get(names, declared, lambda: self._read(known), with_all=with_all)
        if key := got.get(BACKUP_KEY):
            self._operator.keep_backup_key(key)
        return got

    def marks(self, secrets: Mapping[str, str], known: Known) -> list[str]:
        """The marks of those that the operator gives, of what a machine was set up with."""
        declared = roles.secrets(self._resolved.topology(known))
        names = {each.name for each in declared if isinstance(each, Given)}
        given = {name: text for name, text in secrets.items() if name in names}
        return [*given_secrets.marks(self._operator, given).values()]

    def save(self, steps: Sequence[Step]) -> None:
        """Copy them to the operator's directory when the machine that has them is replaced.

        Of a machine that lets nobody in they are lost, and made anew.
        """
        servers = {s.key.name: s.action for s in steps if s.key.kind == SERVER}
        self._replaced = {name for name, act in servers.items() if act is Action.REPLACE}
        self._gone = {name for name, act in servers.items() if act is Action.DELETE}
        self._gone |= self._replaced
        there = self._set_up()
        if not there or there[0] not in self._gone or ROLES[self._role_of(there[0])].holds_data:
            return
        for name in there:
            if self._before[Key(SERVER, name)].fault:
                continue
            with suppress(SkytierError):
                secrets = read_secrets(self._access.open(name, self._before, _silent))
                # The application's variables have a file of their own there.
                secrets.pop(FILE, None)
                # A run that was interrupted may have kept those of a machine that has more.
                self._operator.keep_secrets(secrets | self._operator.kept_secrets())
                return

    def settled(self) -> None:
        """The machine has them."""
        self._operator.forget_secrets()

    def _make(self, secret: Secret) -> Mapping[str, str]:
        if isinstance(secret, AccessKey) and self._credentials:
            access = secret.access_key_id
            return {secret.name: f"{access}:{self._credentials.secret(access)}"}
        if isinstance(secret, Passphrase):
            return self._passphrase(secret)
        return secret.make()

    def _passphrase(self, secret: Passphrase) -> Mapping[str, str]:
        """The key of backups that are there already, else a new one."""
        if os.environ.get(secret.variable):
            return secret.make()
        if key := self._operator.kept_backup_key():
            return {secret.name: key}
        for place in self._resolved.stack.backup.places.values():
            container = self._before.get(Key(Container.name, place.bucket or ""))
            if container and container.facts["objects"]:
                raise SkytierError(
                    f"{secret.what} is not known, and the container {container.key.name} has "
                    "backups, which nothing else opens.",
                    f"Run skytier up again with it in the variable {secret.variable}, this once. "
                    f"Or set {place.section}.bucket to another name to begin without them.",
                )
        return secret.make()

    def _keep(self, secrets: Mapping[str, str]) -> None:
        keep_secrets(self._access.reach(self._store, _silent), secrets)
        for name in self._resolved.secret_keepers():
            # A new one gets all of them when it is set up.
            if name != self._store and name in self._set_up() and name not in self._gone:
                with suppress(SkytierError):
                    keep_secrets(self._access.open(name, self._before, _silent), secrets)

    def _read(self, known: Known) -> dict[str, str]:
        """Those of the machine. What it lacks and another place has is put there first."""
        there = read_secrets(self._access.open(self._store, known, _silent))
        topology = self._resolved.topology(known)
        names = _names(roles.secrets(topology))
        elsewhere = self._operator.kept_secrets()
        if not (elsewhere or names & there.keys()):
            elsewhere = self._of_another(known)
        # The database's own are made anew together with it, unless another member has it.
        left = self._is_left(known)
        with_data = [name for name, role in ROLES.items() if role.holds_data and not left]
        names -= _names(roles.secrets(topology, with_data)) | there.keys()
        moved = {name: text for name, text in elsewhere.items() if name in names}
        if moved:
            self._keep(moved)
        return there | moved

    def _of_another(self, known: Known) -> dict[str, str]:
        """The secrets of the first machine that was set up before, and has them now."""
        for name in self._set_up():
            if name != self._store and self._has_them(name, known):
                return read_secrets(self._access.open(name, known, _silent))
        return {}

    def _is_left(self, known: Known) -> bool:
        """Whether another machine that keeps the secrets was set up before, and has them now."""
        keepers = {*self._resolved.secret_keepers()} - {self._store}
        return any(self._has_them(name, known) for name in keepers.intersection(self._set_up()))

    def _has_them(self, name: str, known: Known) -> bool:
        """Whether a machine that was set up before has its secrets now.

        One that this run replaces has them until its turn comes, and again when it is set up.
        """
        if name not in self._replaced:
            return name not in self._gone
        server, set_up = known[Key(SERVER, name)], known[Key(CONFIGURATION, name)]
        return server.id in (self._before[Key(SERVER, name)].id, set_up.id)

    def _set_up(self) -> list[str]:
        """The machines that were set up before, in the order in which they may keep secrets."""
        names = [key.name for key in self._before if key.kind == CONFIGURATION]
        order = list(ROLES)
        known = [name for name in names if self._role_of(name) in order]
        return sorted(known, key=lambda name: (order.index(self._role_of(name)), name))

    def _role_of(self, name: str) -> str:
        return str(self._before[Key(SERVER, name)].facts["role"])


def _names(secrets: Iterable[Secret]) -> set[str]:
    return {name for secret in secrets for name in secret.names}


def _silent(text: str) -> None:
    """Nobody is told."""
