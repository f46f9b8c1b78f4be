"""The members of a stack's database: what they are, and a planned switchover."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.access import Access
from skytier.openstack.kinds import resources_now
from skytier.openstack.stack import CloudStack
from skytier.services.patroni.members import LOOK, Member, Members, read, successor
from skytier.services.patroni.switchover import Switched, switch_over


def database(stack: CloudStack) -> Members:
    """What each member says. Raises SkytierError where none answers, and without a database."""
    with machines(stack) as hosts:
        return look(hosts)


def look(hosts: Mapping[str, Host]) -> Members:
    """What the members of a database say, by their machines. Raises SkytierError."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        answers = dict(zip(hosts, pool.map(_ask, hosts.values()), strict=True))
    if not any(answers.values()):
        raise SkytierError(
            "No member of the database answers.", "See what is wrong: skytier status"
        )
    return read(answers)


def candidate(stack: CloudStack, wanted: str | None) -> tuple[Member, Member]:
    """The primary, and who would take over: `wanted` (`database/2`) or the best one.

    Raises SkytierError where nobody can.
    """
    found = database(stack)
    named = wanted and _named(stack, wanted, found)
    return successor(found, stack.stack.database.synchronous, named or None)


def failover(stack: CloudStack, primary: Member, to: Member) -> Switched:
    """Make `to` the primary, if both are still as they were. Raises SkytierError."""
    with stack.held("failover", threading.Event()), machines(stack) as hosts:
        now = successor(look(hosts), stack.stack.database.synchronous, to.machine)
        if now[0].machine != primary.machine:
            raise SkytierError(
                f"{now[0].machine} has become the primary in the meantime.",
                "Look, and run it again: skytier database",
            )
        return switch_over(hosts[primary.machine], *now)


def replica_machine(stack: CloudStack) -> str:
    """The machine of the replica that lacks the least. Raises SkytierError without one in step."""
    there = [each for each in database(stack).members if each.in_step and each.role != "primary"]
    if not there:
        raise SkytierError(
            "The database has no replica that is in step now.",
            "See its members: skytier database",
        )
    return min(there, key=lambda each: each.lag_bytes or 0).machine


def _named(stack: CloudStack, wanted: str, found: Members) -> str:
    """`shop-database-2` for that, and for `database/2`."""
    machines = [each.machine for each in found.members]
    for machine in machines:
        number = machine.rpartition("-")[2]
        if wanted in (machine, f"database/{number}"):
            return machine
    raise SkytierError(
        f"The database has no member {wanted}.",
        f"It has: {', '.join(machines)}",
    )


def _ask(host: Host) -> str | None:
    try:
        return host.run(LOOK)
    except SkytierError:
        return None


@contextmanager
def machines(stack: CloudStack) -> Iterator[Mapping[str, SshHost]]:
    """The machines of the members by their names, while the context is open.

    Raises SkytierError for a stack without a database.
    """
    known = resources_now(stack.kinds)
    names = [
        found.key.name
        for found in known.values()
        if found.key.kind == "server" and found.facts["role"] == "database"
    ]
    if not names:
        raise SkytierError(
            f"The stack {stack.stack.name} has no database.",
            "It has one where application.requires names PostgreSQL, once it is up: skytier up",
        )
    with Ssh() as shell:
        Access(stack.connection, stack.operator, shell).write(known)
        yield {name: SshHost(shell, name) for name in sorted(names)}
