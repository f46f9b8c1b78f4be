"""The members of a stack's database: what they are, and another primary."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from skytier.deploy.keeper import keeper
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.machines import fencing
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.fencing import Primary, Successor
from skytier.openstack.plan.kinds import resources_now
from skytier.openstack.stack import CloudStack
from skytier.services.patroni.look import look
from skytier.services.patroni.members import Member, Members, successor
from skytier.services.patroni.switchover import Switched, switch_over

DATABASE = "database"


def database(stack: CloudStack) -> Members:
    """What each member says. Raises SkytierError where none answers, and without a database."""
    with machines(stack) as hosts:
        return look(hosts)


def candidate(stack: CloudStack, wanted: str | None) -> tuple[Member, Member]:
    """The primary, and who would take over: `wanted` (`database/2`) or the best one.

    Raises SkytierError where nobody can.
    """
    found = database(stack)
    named = wanted and _named(wanted, [each.machine for each in found.members])
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


def fence_intended(stack: CloudStack, wanted: str | None) -> Primary:
    """The primary by its lease, which has to be `wanted` if that is given, and who may take over.

    Raises SkytierError where none may.
    """
    named = wanted and _named(wanted, fencing.members(stack.stack))
    with machines(stack, that_run=True) as hosts:
        found = fencing.primary(stack.project, hosts)
    if named and found.machine != named:
        raise SkytierError(
            f"{named} is not the primary: {found.machine} is. Nothing was changed.",
            "See the members: skytier database",
        )
    return found


def fence(stack: CloudStack, intended: Primary) -> Successor:
    """Power the primary off, if it runs, and have another member take over. Raises SkytierError."""
    with stack.held("fence", threading.Event()), machines(stack, that_run=True) as hosts:
        now = fencing.primary(stack.project, hosts)
        if now.machine != intended.machine:
            raise SkytierError(
                f"{now.machine} has become the primary in the meantime.",
                "Look, and run it again: skytier database",
            )
        return fencing.fence(stack.project, hosts, now.machine)


def _named(wanted: str, machines: Sequence[str]) -> str:
    """`shop-database-2` for that, and for `database/2`."""
    for machine in machines:
        number = machine.rpartition("-")[2]
        if wanted in (machine, f"database/{number}"):
            return machine
    raise SkytierError(
        f"The database has no member {wanted}.",
        f"It has: {', '.join(machines)}",
    )


@contextmanager
def machines(stack: CloudStack, *, that_run: bool = False) -> Iterator[Mapping[str, SshHost]]:
    """The machines of the members by their names, while the context is open.

    With `that_run` those that run, as Nova says, and no others: nobody waits for one that is off.

    Raises SkytierError for a stack without a database.
    """
    known = resources_now(stack.kinds)
    names = [
        found.key.name
        for found in known.values()
        if found.key.kind == "server" and found.facts["role"] == "database"
    ]
    if not names and stack.stack.has_database:
        raise SkytierError(
            f"The stack {stack.stack.name} has no database server.", "It is not up: skytier up"
        )
    if not names:
        raise SkytierError(
            f"The stack {stack.stack.name} has no database.",
            "It has one where application.requires names PostgreSQL, once it is up: skytier up",
        )
    if that_run:
        names = fencing.running(known)
    with Ssh() as shell:
        Access(stack.connection, stack.operator, shell).write(known)
        yield {name: SshHost(shell, name) for name in sorted(names)}


@contextmanager
def database_of(stack: CloudStack, *, any_one: bool = False) -> Iterator[SshHost]:
    """The machine that makes the backups; `any_one` is that of `keeper`.

    Raises SkytierError where there is none, or no way to it.
    """
    if stack.stack.database.members == 1:
        with ssh_target(stack, DATABASE) as host:
            yield host
        return
    with machines(stack, that_run=True) as hosts:
        yield keeper(hosts, any_one=any_one)
