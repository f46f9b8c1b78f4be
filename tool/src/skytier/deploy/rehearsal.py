"""A rehearsal of a restore: a marker in the database, a copy restored up to it, and both compared.

Which machine has the copy is up to the caller: another one, or the database's own.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skytier.deploy import backups, program
from skytier.deploy.files import read_secrets
from skytier.deploy.kind import Tell
from skytier.deploy.restore import INSTALLED, check_version
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.services.exporters.service import TEXTFILES
from skytier.services.pgbackrest import contents, marker, rehearsal
from skytier.services.pgbackrest.config import HOMES, pgbackrest_conf
from skytier.services.pgbackrest.contents import Compared
from skytier.services.pgbackrest.info import Backup
from skytier.services.pgbackrest.marker import Marker
from skytier.services.pgbackrest.program import Program, configuration, secret_files
from skytier.stackfile import StackFile
from skytier.stackfile.backup import FIRST
from skytier.topology import ObjectStore

ROOM = "df --block-size=1 --output=avail,size {} | tail -n 1"
"""Prints how many bytes of a directory's disk are free, and how many it has."""
_GIB = 2**30


@dataclass(frozen=True)
class Source:
    """What is rehearsed, as the database's machine tells it before."""

    backup: Backup
    """The newest one of its place."""
    secrets: Mapping[str, str]
    """All that the machine keeps."""
    place: str = FIRST
    """Which of the places of the backups it is in."""


@dataclass(frozen=True)
class Proof:
    """What came of a copy."""

    copied_s: float
    replayed_s: float
    read_s: float
    """How long its counts and checksums took."""
    compared: Compared
    tables: int
    rows: int
    installed_s: float | None = None
    """How long its container took, where it was in one."""


def source(host: Host, places: Collection[str] = backups.ALONE) -> Source:
    """Ask the database's machine for the first place that has a backup. Raises SkytierError, also
    where there is none."""
    found = backups.everywhere(host, places)
    there = next((each for each in found if each.all), found[0])
    return Source(there.newest, read_secrets(host), there.place)


def mark(host: Host, at: datetime, tell: Tell, place: str = FIRST) -> Marker:
    """Mark the database, and read what it holds at the marker. Raises SkytierError.

    Changes wait for it for less than a second. It ends when the archive of a place has the marker.
    """
    name = f"skytier-rehearsal-{at:%Y%m%dT%H%M%SZ}"
    return marker.marker(name, program.run(host, rehearsal.marking(name, place), tell))


def prove(
    host: Host,
    stack: StackFile,
    store: ObjectStore | None,
    of: Source,
    marked: Marker,
    tell: Tell,
    *,
    beside: bool,
) -> Proof:
    """Restore a copy on a machine, up to the marker, and compare it. Raises SkytierError.

    `beside` is whether the machine is the database's own. Nothing of the copy stays.
    """
    installed = host.run(INSTALLED).strip()
    version = of.backup.version or installed
    check_version(of.backup, installed, host.name)
    # What a run before left takes room, too.
    program.end(host, rehearsal.LEFT)
    available, size = map(int, host.run(ROOM.format(rehearsal.ROOM)).split())
    if lacks := lacking(of.backup, available, size if beside else 0):
        raise no_room(host.name, lacks, rehearsal.ROOM)
    spare = size // 10 if beside else None
    wanted = restoring(stack, store, of, marked, version, spare_bytes=spare)
    return proof(program.run(host, wanted, tell, beside=beside), marked)


def restoring(
    stack: StackFile,
    store: ObjectStore | None,
    of: Source,
    marked: Marker,
    version: str,
    *,
    spare_bytes: int | None = None,
    trusted: Mapping[str, str] | None = None,
) -> Program:
    """The program for a machine with PostgreSQL of a major version: see `rehearsal.restoring`.

    `trusted` are the files by which the place is known, where the machine has none.
    """
    directory, conf = rehearsal.DIRECTORY, pgbackrest_conf(stack, store, of.place)
    return rehearsal.restoring(
        marker=marked.name,
        backup=of.backup.name,
        version=version,
        conf=configuration(conf, trusted or {}, directory),
        secrets=secret_files(
            *(stack.backup, of.secrets, of.place),
            directory=directory,
            data=f"{rehearsal.DATA}/main",
            own=rehearsal.DATA,
        ),
        spare_bytes=spare_bytes,
    )


def proof(text: str, marked: Marker) -> Proof:
    """What comes of what that program wrote."""
    told: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith("{"):
            told |= json.loads(line)
    copy = contents.read(text)
    return Proof(
        *(told["copied_s"], told["replayed_s"], told["read_s"]),
        installed_s=told.get("installed_s"),
        compared=contents.compare(marked.contents, copy),
        tables=len(marked.contents),
        rows=sum(each.rows for each in marked.contents.values()),
    )


def needed_bytes(backup: Backup) -> int:
    """What a copy takes: the data as it was at the backup, room to grow, and the log."""
    return backup.database_bytes * 11 // 10 + _GIB


def no_room(machine: str, lacks: int, where: str) -> SkytierError:
    """A copy needs so many bytes more at a directory."""
    return SkytierError(
        f"A copy of the database has no room on {machine}: {lacks / _GIB:.1f} GiB more are needed "
        f"at {where}.",
        "Delete what is not needed there, or give the machine a larger disk.",
    )


def lacking(backup: Backup, available: int, shared_size: int) -> int:
    """How many bytes of room a copy lacks; 0 for none.

    Of a disk that others need, whose size is given, a tenth stays free.
    """
    return max(0, needed_bytes(backup) + shared_size // 10 - available)


def metrics(completed: datetime, recovery_s: float, lost_s: float, place: str = FIRST) -> str:
    """What the node exporter is told of a rehearsal that ended well, with backups of a place."""
    values = {
        "completed_timestamp_seconds": (
            "When a rehearsal last proved the backups.",
            f"{completed.timestamp():.0f}",
        ),
        "recovery_seconds": ("How long the database would have been away.", f"{recovery_s:.3f}"),
        "lost_seconds": ("How much would have been lost with the machine.", f"{lost_s:.3f}"),
        "failed": (_FAILED, "0"),
    }
    return "".join(_metric(name, *each, place) for name, each in values.items())


_FAILED = "Whether the last rehearsal failed."


def note_good(host: Host, text: str, place: str = FIRST) -> None:
    """Give the monitor the figures of a rehearsal that ended well: see `metrics`."""
    _note(host, "cat", text, place)


def note_failed(host: Host, place: str = FIRST) -> None:
    """Tell the monitor that a rehearsal failed. The figures of the last good one stay."""
    _note(
        host,
        f"{{ grep -v skytier_rehearsal_failed {metrics_file(place)} 2>/dev/null; cat; }}",
        _metric("failed", _FAILED, "1", place),
        place,
    )


def outdated(host: Host, place: str = FIRST, *, good: bool) -> None:
    """Another machine has the result of a newer rehearsal: what this one told of its own goes.

    After one that failed, the figures of the last good one stay here.
    """
    file = metrics_file(place)
    gone = f"rm -f {file}" if good else f"sed -i /skytier_rehearsal_failed/d {file}"
    host.run(f"[ ! -e {file} ] || {gone}")


def metrics_file(place: str = FIRST) -> str:
    """Where the node exporter finds them."""
    return f"{TEXTFILES}/skytier-rehearsal{HOMES[place].suffix}.prom"


def _note(host: Host, write: str, text: str, place: str) -> None:
    file = metrics_file(place)
    host.run(
        f"[ -d {TEXTFILES} ] || exit 0; {write} >{file}.new && chmod 0644 {file}.new && "
        f"mv {file}.new {file}",
        text.encode(),
    )


def _metric(name: str, says: str, value: str, place: str) -> str:
    name = f"skytier_rehearsal_{name}"
    label = "" if place == FIRST else f'{{place="{place}"}}'
    return f"# HELP {name} {says}\n# TYPE {name} gauge\n{name}{label} {value}\n"
