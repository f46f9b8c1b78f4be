"""A look at the machines of a stack: what is wrong on them, and what `up` mends of it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from openstack.connection import Connection

from skytier import roles
from skytier.deploy.condition import Asked, Wrong, judged
from skytier.deploy.kind import Found, Key, Known
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.openstack.resources.server import RUNNING
from skytier.services.patroni import behind, pause
from skytier.services.patroni.service import PATRONI, PAUSED, RESUME
from skytier.services.system import condition
from skytier.stackfile import StackFile
from skytier.status import Fault

TIMEOUT_S = 60.0
_UNREACHABLE = (
    "Nothing is done to it: it may serve all the same. Is this machine among ssh_from? Does the "
    "console show that it hangs (openstack console log show {0})? Then: openstack server reboot "
    "--hard {0}, which leaves its disk as it is."
)


def looked(
    connection: Connection, operator: OperatorFiles, stack: StackFile, known: Known
) -> list[Wrong]:
    """The same as `look`, over connections of its own."""
    with Ssh() as shell:
        Access(connection, operator, shell).write(known)
        return look(shell, known, stack)


def look(shell: Ssh, known: Known, stack: StackFile) -> list[Wrong]:
    """What is wrong on the machines that run and were set up. `shell` knows the ways to them."""
    servers = [
        found
        for key, found in known.items()
        if key.kind == SERVER and Key(CONFIGURATION, key.name) in known
        if found.attributes["power"] == RUNNING and not found.fault
    ]
    if not servers:
        return []
    with ThreadPoolExecutor(len(servers)) as pool:
        answers = list(pool.map(lambda server: _asked(shell, server, stack), servers))
    names = [each.key.name for each in servers]
    asked = {n: each for n, each in zip(names, answers, strict=True) if isinstance(each, _Answer)}
    return [
        *(each for each in answers if isinstance(each, Wrong)),
        *judged({name: each.asked for name, each in asked.items()}),
        *_paused([name for name, each in asked.items() if each.paused]),
        *(_behind(stack, name) for name, each in asked.items() if each.behind),
    ]


def _paused(members: Sequence[str]) -> list[Wrong]:
    """All of them say so."""
    return [
        Wrong(Fault(name, PATRONI.name, PAUSED, "", RESUME.format(machine=name)))
        for name in members[:1]
    ]


def _behind(stack: StackFile, name: str) -> Wrong:
    what = "it was away for so long that the primary has deleted the log which it needs"
    fault = Fault(name, PATRONI.name, what, "it is cloned from the primary", "")
    return Wrong(fault, behind.clone(stack.name, name))


def to_mend(found: Sequence[Found], wrong: Sequence[Wrong]) -> list[Found]:
    """What was found, with the configurations that mend what is wrong on their machines."""
    return [
        replace(each, fault=_listed(each, wrong, "what"), mend=_listed(each, wrong, "up"))
        if each.key.kind == CONFIGURATION and _listed(each, wrong, "what")
        else each
        for each in found
    ]


def scripts(wrong: Sequence[Wrong]) -> dict[str, str]:
    """What mends each machine, by its name."""
    names = dict.fromkeys(each.fault.resource for each in wrong if each.script)
    return {
        name: "\n".join(each.script for each in wrong if each.fault.resource == name)
        for name in names
    }


def _listed(found: Found, wrong: Sequence[Wrong], attribute: str) -> str:
    faults = [each.fault for each in wrong if each.script]
    texts = [getattr(each, attribute) for each in faults if each.resource == found.key.name]
    return "; ".join(dict.fromkeys(texts))


@dataclass(frozen=True)
class _Answer:
    """What a machine said."""

    asked: Asked
    paused: bool
    """Whether Patroni is."""
    behind: bool
    """Whether it is a replica that cannot follow any more."""


def _asked(shell: Ssh, server: Found, stack: StackFile) -> _Answer | Wrong:
    name = server.key.name
    units = roles.running_on(stack, server.facts["role"], server.facts["number"])
    # Also where the stack file asks for one member alone: the others may still be there.
    more = pause.QUESTION + behind.QUESTION if roles.ROLES[server.facts["role"]].holds_data else ""
    question = (condition.script(units) + more).encode()
    try:
        # The way is opened first: what that takes is no part of the clock's difference.
        shell.run(name, "true", timeout_s=TIMEOUT_S)
        before = time.time()
        said = shell.run(name, "sudo bash -c 'exec bash /dev/stdin'", question, timeout_s=TIMEOUT_S)
    except SkytierError as error:
        what = f"it runs, and does not answer: {error.what.partition(chr(10))[0]}"
        return Wrong(Fault(name, "ssh", what, "", _UNREACHABLE.format(server.id)))
    found = Asked(condition.read(said), before, time.time())
    return _Answer(found, pause.read(said), behind.read(said))
