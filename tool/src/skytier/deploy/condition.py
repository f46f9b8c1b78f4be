"""What is wrong with machines by what they say, and what of it `up` mends. Pure."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from skytier import sizes
from skytier.services.system.condition import Condition, Disk, Unit
from skytier.status import Fault

FULL_PERCENT = 95
"""From here on a disk is as good as full: PostgreSQL stops when it cannot write."""
CLOCK_BOUND_S = 10.0
"""Clocks that differ by more make log lines, sessions and certificates wrong."""
_STEP_CLOCK = """
if systemctl --quiet is-active chrony; then chronyc makestep
elif systemctl cat systemd-timesyncd >/dev/null 2>&1; then systemctl restart systemd-timesyncd
else date --utc --set "@$(cat /sys/class/rtc/rtc0/since_epoch)"; fi
"""
"""Each sets a clock that is far off at once, and loses nothing. A machine without a time service
takes the time of its host, which is its hardware clock."""


@dataclass(frozen=True)
class Asked:
    """A machine's condition, and when it was asked: by this machine's clock, before and after."""

    condition: Condition
    before: float
    after: float

    @property
    def offset_s(self) -> float:
        """By how much its clock is ahead of this machine's, at least."""
        clock = self.condition.clock
        return min(clock - self.before, 0) or max(clock - self.after, 0)


@dataclass(frozen=True)
class Wrong:
    """A fault of a machine, and the script that mends it without a loss; empty for none."""

    fault: Fault
    script: str = ""


def judged(asked: Mapping[str, Asked]) -> list[Wrong]:
    """What is wrong with machines, by their names."""
    return [
        *(wrong for name, each in asked.items() for wrong in _of_machine(name, each.condition)),
        *_clocks({name: each.offset_s for name, each in asked.items()}),
    ]


def _of_machine(name: str, condition: Condition) -> Iterator[Wrong]:
    for disk in condition.disks:
        if disk.used_percent >= FULL_PERCENT:
            yield Wrong(_full(name, disk))
    for unit in condition.units:
        if _is_down(unit):
            # A failed one is not started again before it is forgotten that it failed too often.
            quoted = shlex.quote(unit.name)
            yield Wrong(
                Fault(name, "unit", f"{unit.name} is {unit.active}", "it is started", ""),
                f"systemctl reset-failed {quoted} || true\nsystemctl start {quoted} || true",
            )


def _full(name: str, disk: Disk) -> Fault:
    left = f"{disk.free} files" if disk.inodes else sizes.in_words(disk.free)
    if disk.path == "/":
        do = (
            f"See what fills it: skytier exec {name} 'du -xh / | sort -h | tail -n 20'. Or take a "
            "flavor with a larger disk."
        )
    else:
        do = "Set database.volume_gib higher and run skytier up: the volume grows in use."
    return Fault(name, "disk", f"{disk.path} is {disk.used_percent}% full: {left} left", "", do)


def _is_down(unit: Unit) -> bool:
    """Whether it should run and does not. What runs once, as a job does, may fail by itself.

    A database that was stopped on purpose may be in the middle of a restore: it is one of many
    instances, and these count only when they failed.
    """
    if unit.type == "oneshot":
        return False
    stopped = unit.active == "inactive" and unit.file == "enabled" and "@" not in unit.name
    return stopped or unit.active == "failed"


def _clocks(offsets: Mapping[str, float]) -> Iterator[Wrong]:
    """Clocks that are off. This machine's has one voice: it may be the wrong one."""
    middle = median([0.0, *offsets.values()]) if len(offsets) > 1 else 0.0
    if abs(middle) > CLOCK_BOUND_S:
        do = "The clocks of all machines of the stack agree. Set the clock of this machine."
        what = f"this machine's clock is {abs(middle):.0f} s {'behind' if middle > 0 else 'ahead'}"
        yield Wrong(Fault("this machine", "clock", what, "", do))
    for name, offset in offsets.items():
        if abs(offset - middle) > CLOCK_BOUND_S:
            off = offset - middle
            what = f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
            do = "If it is wrong again: can the machine reach a time server (UDP port 123)?"
            yield Wrong(Fault(name, "clock", what, "it is set", do), _STEP_CLOCK)
