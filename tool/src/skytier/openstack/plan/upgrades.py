"""An upgrade of the database's PostgreSQL: what a plan says of it, and what it refuses."""

from collections.abc import Sequence

from openstack.connection import Connection

from skytier.deploy.kind import Key, Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.hosts.host import CommandError, UnreachableError
from skytier.hosts.ssh import Ssh, SshHost
from skytier.openstack.machines.access import Access
from skytier.openstack.machines.operator import OperatorFiles
from skytier.services.postgresql.upgrade import LOOK, Standing, decided, read
from skytier.stackfile import StackFile

DATABASE = "database"
"""The role whose machines have it."""
NOT_ASKED = (
    "The database was not asked which PostgreSQL it has. If database.version is higher, it stops "
    "for as long as its data is copied. What cannot work is refused before it stops."
)


def due(stack: StackFile, known: Known, steps: Sequence[Step]) -> list[str]:
    """The machines whose database is to have a version of the stack file, and may have another.

    None while the database's configuration stays: then it has it.
    """
    if not stack.has_database or stack.database.version is None:
        return []
    there = set_up(known)
    changes = {step.key.name for step in steps if step.action is not Action.KEEP}
    return there if changes & set(there) else []


def set_up(known: Known) -> list[str]:
    """The machines of the database that were set up once."""
    return sorted(
        key.name
        for key in known
        if key.kind == CONFIGURATION and known[Key(SERVER, key.name)].facts["role"] == DATABASE
    )


def looked(
    connection: Connection, operator: OperatorFiles, known: Known, machine: str
) -> Standing | None:
    """What there is on a machine of the database; None where it does not answer."""
    with Ssh() as shell:
        Access(connection, operator, shell).write(known)
        try:
            return read(SshHost(shell, machine).run(LOOK))
        except (UnreachableError, CommandError, ValueError):
            return None


def words(stack: StackFile, members: int, there: Standing | None) -> str:
    """What to know of an upgrade, in sentences; `members` are those that there are.

    Empty where there is none. Raises SkytierError where it cannot work.
    """
    section = stack.database
    if there is None or section.version is None:
        return NOT_ASKED
    found = decided(
        there,
        section.version,
        members=max(section.members, members),
        on_volume=section.volume_gib is not None,
    )
    return found.words if found else ""
