"""A rehearsal in a container on a machine whose own services go on, such as the monitor's."""

from dataclasses import dataclass

from skytier.deploy import program
from skytier.deploy.kind import Tell
from skytier.deploy.rehearsal import ROOM, Proof, Source, lacking, no_room, proof, restoring
from skytier.errors import SkytierError
from skytier.hosts.host import CommandError, Host, UnreachableError
from skytier.services.pgbackrest import contained
from skytier.services.pgbackrest.config import SFTP_VERSION, address, trusted
from skytier.services.pgbackrest.marker import Marker
from skytier.stackfile import StackFile
from skytier.topology import ObjectStore

_MEMORY = "sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
_PLACE = contained.HOME.rpartition("/")[0]


@dataclass(frozen=True)
class Room:
    """What a copy may take of a machine."""

    memory_mib: int
    spare_bytes: int
    """So much of the disk stays free."""


def room(host: Host, stack: StackFile, store: ObjectStore | None, of: Source) -> Room:
    """Ask a machine what a copy may take of it. What a run that was interrupted left is removed.

    Raises SkytierError, with figures, where that is too little, and where the machine does not
    reach the place of the backups.
    """
    program.end(host, contained.LEFT)
    available, size = map(int, host.run(ROOM.format(_PLACE)).split())
    if lacks := lacking(of.backup, available - contained.SOFTWARE_BYTES, size):
        raise no_room(host.name, lacks, _PLACE)
    found = Room(memory_mib(int(host.run(_MEMORY)) // 1024, host.name), size // 10)
    if reached_at := address(stack, store, of.place):
        _reach(host, *reached_at)
    return found


def memory_mib(available: int, machine: str) -> int:
    """What a copy may take of the memory of a machine that is available, in MiB: half of it.

    Raises SkytierError where that is too little.

    >>> memory_mib(1024, "shop-monitor-1")
    512
    """
    if available // 2 < contained.LEAST_MIB:
        raise SkytierError(
            f"A copy of the database has no memory on {machine}: {available} MiB are available. "
            f"It needs {contained.LEAST_MIB} MiB, and as much stays for what runs there.",
            "Give that machine a larger flavor: monitor.flavor",
        )
    return available // 2


def prove(
    host: Host,
    stack: StackFile,
    store: ObjectStore | None,
    of: Source,
    marked: Marker,
    version: str,
    room: Room,
    tell: Tell,
) -> Proof:
    """Restore a copy in a container, up to the marker, and compare it. Raises SkytierError.

    `version` is the major version of the database's PostgreSQL. Nothing of the container stays.
    """
    inner = restoring(
        *(stack, store, of, marked, version),
        spare_bytes=room.spare_bytes,
        trusted=trusted(stack, of.place),
    )
    around = contained.contained(
        inner,
        version=version,
        packages=stack.database.packages,
        reached_at=address(stack, store, of.place),
        memory_mib=room.memory_mib,
        least=SFTP_VERSION if stack.backup.places[of.place].on_host else "",
    )
    return proof(program.run(host, around, tell, beside=True), marked)


def _reach(host: Host, name: str, port: int) -> None:
    try:
        host.run(f"timeout 20 bash -c 'exec 3<>/dev/tcp/{name}/{port}' 2>&1")
    except UnreachableError:
        raise
    except CommandError as error:
        said = _reason(error.output) or "no answer within 20 s"
        raise SkytierError(
            f"{host.name} does not reach the place of the backups, {name} at port {port}: {said}.",
            f"{_way_on(error.output, name)} Or rehearse without --on monitor.",
        ) from error


def _reason(output: str) -> str:
    """Of what bash says of a connection: its first line has the reason, a second one may tell
    another.

    >>> _reason("bash: s3.example: Name or service not known\\nbash: ...: Invalid argument")
    'Name or service not known'
    """
    said = [each for each in output.splitlines() if each.startswith("bash: ")]
    lines = [each for each in said if not each.startswith("bash: warning: ")]
    return lines[0].rpartition(": ")[2] if lines else ""


def _way_on(output: str, name: str) -> str:
    if any(each.startswith(f"bash: {name}: ") for each in output.splitlines()):
        return (
            f"The name {name} is not found there. Check its spelling in the stack file, and which "
            "name servers that machine uses: skytier ssh monitor -- cat /etc/resolv.conf."
        )
    return "Allow connections from that machine there, as from the database server."
