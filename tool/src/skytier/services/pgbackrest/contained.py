"""A rehearsal in a container, on a machine whose own services go on: what is around its program."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.pgbackrest.config import PACKAGE
from skytier.services.pgbackrest.program import Program
from skytier.services.pgbackrest.rehearsal import DIRECTORY, ROOM, UNIT
from skytier.services.prometheus.service import ETC, STORAGE
from skytier.services.setup import File
from skytier.services.system.service import INSTALL, POSTGRESQL, Packages, installer

HOME = "/var/lib/skytier-rehearsal"
"""Where its root and the copy are on the disk of the machine."""
AT_BOOT = "/etc/tmpfiles.d/skytier-rehearsal.conf"
"""Has systemd delete HOME when the machine starts: what a power cut left."""
LEFT = Program(UNIT, (), [HOME, AT_BOOT])
"""What one leaves that was interrupted."""
LEAST_MIB = 384
"""Of memory, for PostgreSQL and pgBackRest with few buffers."""
SOFTWARE_BYTES = 2**29
"""Of disk, for the packages that the machine does not have."""
_HIDDEN = (SECRETS, ETC, str(STORAGE), "/etc/ssh", "/root", "/home", "/var/lib/cloud")
"""Directories of the machine that are empty in the container: its secrets and its data."""
_PROGRAM = f"{DIRECTORY}/program"


def contained(
    inner: Program,
    *,
    version: str,
    packages: Sequence[str],
    reached_at: tuple[str, int] | None,
    memory_mib: int,
    least: str = "",
) -> Program:
    """The program of a rehearsal, in a container that has PostgreSQL of this major version.

    `packages` are what else the database has. `reached_at` is host and port of the place of the
    backups, all of the network that is there; None for none. `memory_mib` is all that it gets.
    `least` is the version of pgBackRest that the place needs; empty for any.
    """
    host, port = reached_at or ("", 0)
    around = render(
        PACKAGE,
        "contained.sh",
        directory=DIRECTORY,
        home=HOME,
        at_boot=AT_BOOT,
        hidden=_HIDDEN,
        room=ROOM,
        install=INSTALL,
        version=version,
        host=host,
        port=port,
        listen="127.0.0.1" if host and not _is_address(host) else host,
        memory_mib=memory_mib,
        least=least,
    )
    wanted = Packages.of([POSTGRESQL, "pgbackrest", *packages], int(version))
    files = [
        File(_PROGRAM, around, 0o600),
        *(_for_root(each) for each in inner.files),
        *(replace(each, path=f"{DIRECTORY}/root{each.path}") for each in installer(wanted)),
    ]
    limits = [
        f"MemoryMax={memory_mib}M",
        "MemorySwapMax=0",
        "TasksMax=256",
        "IOWeight=20",
        # All of it is thrown away, and the first process of a name space takes no other signal.
        "KillSignal=SIGKILL",
        # Its program says that memory ran out.
        "OOMPolicy=continue",
        "PrivateMounts=yes",
        *("ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectClock=yes"),
        *("RestrictRealtime=yes", "LockPersonality=yes"),
    ]
    return Program(UNIT, files, LEFT.owned, limits, reader="root")


def _for_root(file: File) -> File:
    """As the machine has it, which need not know PostgreSQL's user."""
    path = f"{DIRECTORY}/restore" if file.path == _PROGRAM else file.path
    return replace(file, path=path, mode=0o600, group="root")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
