"""Another primary in place of one whose machine is off, without waiting until its lease ends.

The machine is off first: that is the fence, and only Nova says so. Then its lease is ended, and
Patroni decides who takes over.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from skytier.deploy.apply import Events, apply
from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.deploy.task import Task
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.power import Power, Told, power_of, power_off
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.server import RUNNING, Server
from skytier.poll import until
from skytier.roles.database import DATABASE
from skytier.services.patroni.lease import Lease, end, heirs, lease
from skytier.services.patroni.look import look
from skytier.stackfile import StackFile

ELECTED_WITHIN_S = 60.0
T = TypeVar("T")


@dataclass(frozen=True)
class Primary:
    """The machine that has the lease, and what would come of its end."""

    machine: str
    told: Told
    heirs: list[str]
    """Those that Patroni may elect."""


@dataclass(frozen=True)
class Successor:
    """Who took over."""

    machine: str
    seconds: float
    """From the end of the lease until it was seen to take writes."""


def members(stack: StackFile) -> list[str]:
    """The machines that the members of the database are to have."""
    names = range(1, stack.database.members + 1) if stack.has_database else ()
    return [f"{stack.name}-{DATABASE.name}-{each}" for each in names]


def running(known: Known) -> list[str]:
    """The machines of the database that run, as Nova says."""
    return sorted(
        key.name
        for key, found in known.items()
        if key.kind == Server.name and found.facts["role"] == DATABASE.name
        if found.attributes["power"] == RUNNING
    )


def primary(project: Project, hosts: Mapping[str, Host]) -> Primary:
    """The machine that has the lease. `hosts` are those of members that run.

    Raises SkytierError where none has it, or none could take over.
    """
    found = _lease(hosts)
    if not found.holder:
        raise SkytierError(
            "No member of the database has the lease of the primary, so there is none to end.",
            "Patroni elects one as soon as one has all acknowledged writes. See: skytier database",
        )
    able = heirs(found, look(hosts))
    return Primary(found.holder, power_of(project, found.holder), able)


def fence(project: Project, hosts: Mapping[str, Host], machine: str) -> Successor:
    """Power a machine off, if it runs, and end its lease. Raises SkytierError."""
    power_off(project, machine)
    return succeeded(hosts, machine)


def succeeded(hosts: Mapping[str, Host], machine: str) -> Successor:
    """End the lease of a machine that is off, and wait for its successor. Raises SkytierError.

    One that was shut down in good order has given it back already.
    """
    others = {name: each for name, each in hosts.items() if name != machine}
    began = time.monotonic()
    _first(others, lambda host: end(host, machine))

    def asked() -> list[str]:
        return [each.machine for each in look(others).primaries]

    found = until(asked, ELECTED_WITHIN_S)
    if not found:
        raise SkytierError(
            f"The lease of {machine} is ended, and Patroni has elected none within "
            f"{ELECTED_WITHIN_S:.0f} s.",
            "See how the members are: skytier database. What Patroni says: skytier logs database",
        )
    return Successor(found[0], time.monotonic() - began)


def take_over_from_lost(
    project: Project, stack: StackFile, known: Known, access: Access, events: Events
) -> None:
    """Before machines are repaired: end the lease of a primary whose machine is off or gone.

    Where that cannot be done nothing is: the lease ends by itself, and Patroni goes on.
    """
    there, wanted = running(known), members(stack)
    if len(wanted) < 2 or not there or {*wanted} <= {*there}:
        return
    hosts = {name: access.enter(name, known) for name in there}
    try:
        holder = _lease(hosts).holder
        if not holder or holder in there:
            return
        found = primary(project, hosts)
        if found.told.power is Power.OFF:
            apply([_step(holder)], {"lease": Task("lease", _ending(hosts, holder))}, events, known)
    except SkytierError:
        return


def _ending(hosts: Mapping[str, Host], machine: str) -> Callable[[Tell], str]:
    def run(tell: Tell) -> str:
        tell("ending it: the machine is off")
        try:
            return f"{succeeded(hosts, machine).machine} takes writes"
        except SkytierError as error:
            return error.what

    return run


def _step(machine: str) -> Step:
    key = Key("lease", machine)
    return Step(Action.CHANGE, key, "its machine is off", (), Wanted(key, {}), Found(key, "", {}))


def _lease(hosts: Mapping[str, Host]) -> Lease:
    return _first(hosts, lease)


def _first(hosts: Mapping[str, Host], ask: Callable[[Host], T]) -> T:
    """The answer of the first member that gives one. Raises the error of the last one."""
    error = SkytierError("No member of the database runs.", "See what is wrong: skytier status")
    for host in hosts.values():
        try:
            return ask(host)
        except SkytierError as raised:
            error = raised
    raise error
