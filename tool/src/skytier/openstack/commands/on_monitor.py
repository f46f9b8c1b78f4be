"""A rehearsal on the monitor's machine: whether it can be there, and the copy in a container."""

from dataclasses import dataclass, field

from skytier.deploy import contained
from skytier.deploy.apply import Progress
from skytier.deploy.contained import Room
from skytier.deploy.kind import Key, Tell
from skytier.deploy.rehearsal import Proof, Source
from skytier.deploy.restore import INSTALLED
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.choices.systems import is_older
from skytier.openstack.commands.backups import told_step
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.release.platform import System
from skytier.services.pgbackrest.config import SFTP_SINCE, SFTP_VERSION
from skytier.services.pgbackrest.marker import Marker
from skytier.stackfile import StackFile
from skytier.stackfile.backup import PATH

MONITOR = "monitor"


def check_machine(stack: StackFile) -> None:
    """Raises SkytierError where the stack has no machine of the monitor's own."""
    if MONITOR in stack.machines():
        return
    raise SkytierError(
        "The stack has no machine of its own for the monitor, so nothing can be rehearsed there.",
        "Set monitor.dedicated = true and run skytier up. Or rehearse without --on monitor.",
    )


def check_place(stack: StackFile, place: str, system: System) -> None:
    """Raises SkytierError where a machine with this system cannot read a place of the backups."""
    section = stack.backup.places[place]
    other = (
        "Name the other place with --from. Or rehearse"
        if stack.backup.second.enabled
        else "Rehearse"
    )
    elsewhere = f"{other} without --on monitor."
    if section.kind == PATH:
        raise SkytierError(
            f"The backups in the {place} place are in a directory of the database server, which "
            "the monitor cannot read.",
            elsewhere,
        )
    if section.on_host and is_older(system, SFTP_SINCE):
        raise SkytierError(
            "The image of the monitor has a pgBackRest that cannot read backups by SFTP: it is "
            f"older than {SFTP_VERSION}.",
            f"Name an image of Debian 13, Ubuntu 24.04 or newer: monitor.image. {elsewhere}",
        )


@dataclass(frozen=True)
class OnMonitor:
    """A copy in a container on the monitor's machine."""

    stack: CloudStack
    of: Source
    plan: Plan
    name: str
    version: str
    """The major version of the database's PostgreSQL."""
    room: Room
    parts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_stack(cls, stack: CloudStack, of: Source, database: Host) -> "OnMonitor":
        """Raises SkytierError where there cannot be one. What a killed run left is removed."""
        found = stack.plan()
        # By its whole name: `monitor` may be a machine that the monitor was on, or will be.
        name = f"{stack.stack.name}-{MONITOR}-1"
        if Key(Server.name, name) not in found.known:
            raise SkytierError(
                f"The monitor's machine, {name}, is not there.",
                "Run: skytier up. Or rehearse without --on monitor.",
            )
        check_place(stack.stack, of.place, found.resolved.choices.systems[MONITOR])
        store = found.resolved.topology(found.known).backup_stores.get(of.place)
        with ssh_target(stack, name) as host:
            room = contained.room(host, stack.stack, store, of)
        version = of.backup.version or database.run(INSTALLED).strip()
        return cls(stack, of, found, name, version, room)

    @property
    def machine(self) -> str:
        """`shop-monitor-1 (in a container)`"""
        return f"{self.name} (in a container)"

    def prove(self, marked: Marker, progress: Progress) -> Proof:
        """Restore the copy, and compare it. Raises SkytierError."""
        stack, resolved = self.stack.stack, self.plan.resolved
        store = resolved.topology(self.plan.known).backup_stores.get(self.of.place)

        def run(tell: Tell) -> Proof:
            with ssh_target(self.stack, self.name, tell) as host:
                return contained.prove(
                    *(host, stack, store, self.of, marked), self.version, self.room, tell
                )

        return told_step("rehearsal", self.name, run, progress)
