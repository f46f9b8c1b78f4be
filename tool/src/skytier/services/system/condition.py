"""What can be wrong with any machine: its disks, its clock, its services. Asked, and read."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.render import render


@dataclass(frozen=True)
class Disk:
    """A file system, in bytes or, with `inodes`, in files."""

    path: str
    free: int
    used_percent: int
    inodes: bool = False


@dataclass(frozen=True)
class Unit:
    """A unit of systemd, as `systemctl show` has it."""

    name: str
    type: str
    """`notify`, `oneshot`."""
    active: str
    """`active`, `inactive`, `failed`."""
    file: str
    """`enabled`, `static`; `-` for none."""


@dataclass(frozen=True)
class Condition:
    """What a machine said. `clock` is its time in seconds since 1970."""

    clock: float
    disks: Sequence[Disk] = ()
    units: Sequence[Unit] = ()


def script(units: Sequence[str]) -> str:
    """The question, in bash, about units, which may be patterns."""
    return render("skytier.services.system", "condition.sh", units=list(units))


def read(said: str) -> Condition:
    """The answer.

    >>> read("clock 1.5\\ndisk / 1024 97%\\nunit nginx.service forking failed enabled").disks
    [Disk(path='/', free=1024, used_percent=97, inodes=False)]
    """
    clock, disks, units = 0.0, [], []
    for line in said.splitlines():
        kind, *words = line.split()
        match kind, words:
            case "clock", [seconds]:
                clock = float(seconds)
            case (("disk" | "inodes"), [path, free, used]) if free != "-":
                percent = int(used.rstrip("%"))
                disks.append(Disk(path, int(free), percent, inodes=kind == "inodes"))
            case "unit", [name, type_, active, file]:
                units.append(Unit(name, type_, active, file))
    return Condition(clock, disks, units)
