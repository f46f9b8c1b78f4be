"""The operator's secret variables of a stack on a cloud.

They are on the machine that keeps the stack's secrets, once it is set up. The metadata of its
server says which set that is, so that a plan needs no way into it. Before the first `up`, and while
that machine is replaced, they are in the operator's own directory. Each web server has a copy of
the set that was released last, from which a lost one is taken.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence

from skytier.deploy.files import keep_secrets, read_secrets
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import SERVER
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.project import PREFIX
from skytier.openstack.resources.server import Server
from skytier.roles import secret_store
from skytier.secrets.variables import FILE, Summary, Variables
from skytier.stackfile import StackFile

VARIABLES, NAMES = f"{PREFIX}variables", f"{PREFIX}variable_names"
"""Keys of the metadata: `FINGERPRINT COUNT`, and as many lists of names, numbered from 1."""
_LONGEST = 255
"""Characters of a value in Nova's metadata."""
_NO_FINGERPRINT = "none"


def store_of(stack: StackFile) -> Key:
    """The server that keeps the secrets of a stack."""
    role, number = secret_store(stack)
    return Key(SERVER, f"{stack.name}-{role}-{number}")


def metadata(summary: Summary) -> dict[str, str]:
    """What the server's metadata says of a set."""
    lists: list[str] = []
    for name in summary.names:
        if lists and len(lists[-1]) + 1 + len(name) <= _LONGEST:
            lists[-1] += f" {name}"
        else:
            lists.append(name)
    numbered = {f"{NAMES}_{number}": text for number, text in enumerate(lists, 1)}
    return {VARIABLES: f"{summary.fingerprint or _NO_FINGERPRINT} {len(lists)}", **numbered}


def noted(server: Found | None) -> Summary | None:
    """What a server's metadata says of the set on it; None when it never got one."""
    said: Mapping[str, str] = server.facts["metadata"] if server else {}
    if VARIABLES not in said:
        return None
    fingerprint, _, count = said[VARIABLES].partition(" ")
    lists = [said.get(f"{NAMES}_{number}", "") for number in range(1, int(count or 0) + 1)]
    names = tuple(name for text in lists for name in text.split())
    return Summary("" if fingerprint == _NO_FINGERPRINT else fingerprint, names)


def summary(servers: Iterable[Found], stack: StackFile, operator: OperatorFiles) -> Summary:
    """What is known of the set without a way into a machine."""
    by_key = {each.key: each for each in servers}
    there = noted(by_key.get(store_of(stack)))
    if there is not None:
        return there
    if (here := kept_by(operator)).all:
        return here.summary
    return next((summary for summary in copies(by_key).values()), Summary())


def copies(known: Mapping[Key, Found]) -> dict[str, Summary]:
    """The machines that have a copy of a set, by their names."""
    servers = {key.name: noted(each) for key, each in known.items() if key.kind == SERVER}
    return {name: found for name in sorted(servers) if (found := servers[name]) and found.names}


def kept_by(operator: OperatorFiles) -> Variables:
    """The set in the operator's own directory; an empty one where there is none."""
    path = operator.variables
    return Variables.read(path.read_text() if path.exists() else None)


class KeptVariables:
    """The set while the stack is changed, which nobody else does at that time."""

    def __init__(
        self, stack: StackFile, operator: OperatorFiles, access: Access, servers: Server
    ) -> None:
        self._store = store_of(stack)
        self._operator = operator
        self._access = access
        self._servers = servers
        self._settled: Variables | None = None
        self._lock = threading.Lock()

    def read(self, known: Known) -> Variables:
        """The set, wherever it is. Raises SkytierError."""
        if noted(known.get(self._store)) is not None:
            return self._on(self._store.name, known)
        here = kept_by(self._operator)
        if not here.all:
            for name in copies(known):
                return self._on(name, known)
        return here

    def keep(self, variables: Variables, known: Known) -> None:
        """Put the set on the machine, and say so in its server's metadata."""
        host = self._access.open(self._store.name, known, lambda text: None)
        keep_secrets(host, {FILE: variables.text})
        self._servers.note(known[self._store].id, metadata(variables.summary))
        self._operator.forget_variables()

    def settled(self, fingerprint: str, known: Known) -> Variables:
        """The set that a release gets, which is on the machine from then on.

        Raises SkytierError when it is not the one with the fingerprint that the plan has.
        """
        if not fingerprint:
            return Variables()
        with self._lock:
            if self._settled is None:
                found = self.read(known)
                if found.all and noted(known[self._store]) is None:
                    self.keep(found, known)
                self._settled = found
            if (there := self._settled.summary).fingerprint != fingerprint:
                self._servers.note(known[self._store].id, metadata(there))
                raise SkytierError(
                    "The application's secrets are not those that the plan was made with.",
                    "Run skytier up again: it makes a new plan.",
                )
            return self._settled

    def copy(self, variables: Variables, host: Host, server: Found) -> None:
        """Leave a copy of the set that was released on a web server."""
        if variables.all or noted(server):
            keep_secrets(host, {FILE: variables.text})
            self._servers.note(server.id, metadata(variables.summary))

    def save(self, steps: Sequence[Step], known: Known) -> None:
        """Copy the set to the operator's directory when the machine that has it is replaced."""
        replaced = any(
            step.key == self._store and step.action in (Action.REPLACE, Action.DELETE)
            for step in steps
        )
        there = noted(known.get(self._store))
        if not (replaced and there and there.fingerprint):
            return
        try:
            self._operator.keep_variables(self.read(known).text)
        except SkytierError as error:
            if len(copies(known)) > 1:
                return  # one of them has what was released last
            raise SkytierError(
                f"{self._store.name} has the application's secrets, and is about to be replaced. "
                f"They could not be read: {error.what}",
                f"Repair the machine first. {error.do}",
            ) from error

    def _on(self, name: str, known: Known) -> Variables:
        host = self._access.open(name, known, lambda text: None)
        return Variables.read(read_secrets(host).get(FILE))
