"""A minor upgrade of PostgreSQL that rolls through the members of a stack's database."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from skytier.deploy import minor_upgrade
from skytier.deploy.apply import Progress
from skytier.deploy.interruption import interrupted
from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.hosts.host import Host, UnreachableError
from skytier.openstack.commands.backups import one_step
from skytier.openstack.commands.database import machines
from skytier.openstack.commands.in_step import all_in_step
from skytier.openstack.stack import CloudStack
from skytier.services.patroni.look import look
from skytier.services.patroni.members import Members, successor
from skytier.services.patroni.minor_upgrade import Turn, Work, obstacle, turns
from skytier.services.patroni.software import upstream
from skytier.services.patroni.switchover import switch_over


@dataclass(frozen=True)
class Intended:
    """What is about to be done, for a person to approve."""

    found: Members
    turns: Sequence[Turn]
    """Empty where the newest version serves on all members."""
    stale: Mapping[str, str]
    """Machines whose package lists could not be read anew, with the reason."""


@dataclass(frozen=True)
class Upgraded:
    """How it went."""

    version: str
    """What serves now."""
    away_s: float | None
    """For how long nobody could write at the switchover, or while the only member was away; None
    where that was not seen, or nothing of it was needed."""


def intend(stack: CloudStack) -> Intended:
    """What an upgrade would do. Reads the package lists of the machines anew, and changes nothing.

    Raises SkytierError where it must not begin.
    """
    with machines(stack) as hosts, ThreadPoolExecutor(len(hosts)) as pool:
        said = dict(zip(hosts, pool.map(_refresh, hosts.values()), strict=True))
        found = look(hosts)
    intended = Intended(found, turns(found), {name: why for name, why in said.items() if why})
    if intended.turns:
        database = stack.stack.database
        error = obstacle(found, count=database.members, synchronous=database.synchronous)
        if error:
            raise error
    return intended


def upgrade(stack: CloudStack, approved: Intended, progress: Progress) -> Upgraded:
    """Carry it out, under the stack's lock. Raises SkytierError; the next run finishes it."""
    lost = threading.Event()
    ended = interrupted(
        "Interrupted: some members have the newest version, and some may not.",
        "Run skytier database upgrade again: it finishes what is left.",
    )
    database = stack.stack.database
    with ended, stack.held("database upgrade", lost), machines(stack) as hosts:
        if turns(look(hosts)) != approved.turns:
            raise SkytierError(
                "The members have changed since they were shown.",
                "Nothing was done. Look, and run it again: skytier database",
            )
        return carry_out(
            hosts, progress, count=database.members, synchronous=database.synchronous, lost=lost
        )


def carry_out(
    hosts: Mapping[str, Host],
    progress: Progress,
    *,
    count: int,
    synchronous: bool,
    lost: threading.Event | None = None,
) -> Upgraded:
    """The same for machines. What is left is asked anew before each turn."""
    rolling = _Rolling(hosts, count, synchronous)
    done: list[Turn] = []
    while True:
        found = look(hosts)
        left = turns(found)
        if not left:
            return Upgraded(upstream(found.version), rolling.away_s)
        if error := obstacle(found, count=count, synchronous=synchronous):
            raise error
        turn = left[0]
        if any(_again(turn, each) for each in done):
            raise SkytierError(
                f"{turn.machine} is not upgraded: the members changed meanwhile.",
                "Look at them, then run it again: skytier database",
            )
        one_step(str(turn.work), turn.machine, partial(rolling.run, turn), progress, lost)
        done.append(turn)


def _again(turn: Turn, before: Turn) -> bool:
    """Each member has one turn, and one switchover is all that may be needed."""
    same_machine = turn.machine == before.machine or turn.work is Work.SWITCHOVER
    return turn.work is before.work and same_machine


@dataclass
class _Rolling:
    """The turns of an upgrade."""

    hosts: Mapping[str, Host]
    count: int
    synchronous: bool
    away_s: float | None = None
    """For how long nobody could write in one of them."""

    def run(self, turn: Turn, tell: Tell) -> str:
        """One of them, until all members are in step again. Returns what came of it."""
        host = self.hosts[turn.machine]
        if turn.work is Work.SWITCHOVER or len(self.hosts) == 1:
            minor_upgrade.wait_for_backup(host, tell)
        if turn.work is Work.SWITCHOVER:
            return self._switch(host, tell)
        return self._upgrade(host, tell)

    def _upgrade(self, host: Host, tell: Tell) -> str:
        try:
            away_s = minor_upgrade.upgrade(host, tell)
        except UnreachableError as error:
            raise SkytierError(
                f"The connection is lost; the upgrade of {host.name} goes on. {error.what}",
                "Run it again when the machine can be reached: it waits for the end of this one.",
            ) from error
        if len(self.hosts) == 1:
            self.away_s = away_s
        found = self._settled(tell)
        software = next(each.software for each in found.members if each.machine == host.name)
        return f"PostgreSQL {upstream(software.running) if software else ''}"

    def _switch(self, host: Host, tell: Tell) -> str:
        primary, to = successor(look(self.hosts), self.synchronous, None)
        if primary.machine != host.name:
            raise SkytierError(
                f"{primary.machine} has become the primary in the meantime.",
                "Run it again: it upgrades what is left.",
            )
        tell(f"{to.machine} takes over")
        self.away_s = switch_over(host, primary, to).without_primary_s
        self._settled(tell)
        seconds = f", writes stopped for {self.away_s:.1f} s" if self.away_s is not None else ""
        return f"{to.machine} is the primary{seconds}"

    def _settled(self, tell: Tell) -> Members:
        """All members, in step. Raises SkytierError where they are not in time."""
        found, error = all_in_step(self.hosts, tell, count=self.count, synchronous=self.synchronous)
        if error:
            raise SkytierError(
                f"The upgrade stops here. {error.what}",
                "No other member was taken out. See why: skytier database, and skytier status. "
                "Then run it again: it upgrades what is left.",
            )
        return found


def _refresh(host: Host) -> str:
    try:
        return minor_upgrade.refresh(host)
    except SkytierError as error:
        return error.what
