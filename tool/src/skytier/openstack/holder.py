"""Who holds a stack's lock, as a tag of 60 characters."""

import hashlib
import os
import re
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from skytier.release import author

LENGTH = 60
"""What Neutron allowed a tag for long."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER = "[0-9a-z]+"
_TAG = re.compile(
    rf"lock:(?P<token>[0-9a-f]{{6}}):(?P<began>{_NUMBER})\+(?P<age_s>{_NUMBER})"
    rf":(?P<machine>[0-9a-z]{{6}}):(?P<pid>{_NUMBER}):(?P<what>[a-z ]+):(?P<who>.*)"
)
_WHO_LENGTH = 18
_BEGAN = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Holder:
    """Somebody who holds the lock or reaches for it.

    `began` is in seconds since 1970; `age_s` how long after that this was still true.
    """

    token: str
    began: int
    age_s: int
    machine: str
    """Where its process is, as `machine` tells it."""
    pid: int
    what: str
    """The command, in lower-case letters and spaces: `up`, `static push`."""
    who: str
    """`user@host`, cut to 18 characters: for people, since several machines may have the same."""

    @classmethod
    def me(cls, what: str) -> "Holder":
        """This process, now. Raises ValueError for a command that nobody could read in its tag."""
        me = cls(secrets.token_hex(3), int(time.time()), 0, machine(), os.getpid(), what, who())
        read = cls.read(me.tag)
        if read is None or read.what != what:
            raise ValueError(f"{what!r} cannot be in the tag of a lock")
        return me

    @classmethod
    def read(cls, tag: str) -> "Holder | None":
        """From a tag; None when it is none of a lock."""
        found = _TAG.fullmatch(tag)
        if found is None:
            return None
        return cls(
            token=found["token"],
            began=int(found["began"], 36),
            age_s=int(found["age_s"], 36),
            machine=found["machine"],
            pid=int(found["pid"], 36),
            what=found["what"],
            who=found["who"],
        )

    @property
    def tag(self) -> str:
        """As a tag: `lock:3f9c01:tb6o5c+2i:k3v09d:3mv:up:alice@laptop`. Numbers are in base 36."""
        began, age_s, pid = (_short(number) for number in (self.began, self.age_s, self.pid))
        name = f"{self.token}:{began}+{age_s}:{self.machine}:{pid}:{self.what}:{self.who}"
        return f"lock:{name}"[:LENGTH]

    @property
    def since(self) -> str:
        """When it began, in UTC: `2026-11-24 15:03:00 UTC`."""
        return f"{datetime.fromtimestamp(self.began, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def renewed(self) -> "Holder":
        """The same, still true now."""
        return replace(self, age_s=int(time.time()) - self.began)

    def is_alive(self, dead_after_s: float) -> bool:
        """Whether it is at work: by its process on its own machine, else by when it last said so.

        The times are of the holder's clock and ours; `skytier doctor` finds one that is wrong.
        """
        if self.machine == machine() and not psutil.pid_exists(self.pid):
            return False
        return time.time() - (self.began + self.age_s) < dead_after_s

    def audit_line(self, result: str) -> str:
        """A line that stays when the lock is let go: `20261124T150300Z up ok 214s alice@laptop`."""
        began = f"{datetime.fromtimestamp(self.began, UTC):{_BEGAN}}"
        lasted = f"{int(time.time()) - self.began}s"
        return f"{began} {self.what} {result} {lasted} {self.who}"[:LENGTH]


def ended_at(line: str) -> float | None:
    """When what a line of the audit is about ended, in seconds since 1970.

    None for a line that does not say it: earlier versions left it out.
    """
    began, *words = line.split()
    lasted = next((word[:-1] for word in words if re.fullmatch("[0-9]+s", word)), None)
    if lasted is None:
        return None
    return datetime.strptime(began, _BEGAN).replace(tzinfo=UTC).timestamp() + int(lasted)


def machine() -> str:
    """What names the place in which process numbers are those of this process: 6 characters.

    It is another one for each boot of a machine and for each container, whatever they are called.
    Where the system does not tell, no two processes have the same.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        place = f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        place = secrets.token_hex()
    number = int.from_bytes(hashlib.sha256(place.encode()).digest())
    return _short(number)[-6:]


def _short(number: int) -> str:
    """A number in base 36."""
    number, last = divmod(number, 36)
    return (_short(number) if number else "") + _DIGITS[last]


def who() -> str:
    """`user@host`, in characters that a tag may have."""
    return re.sub(r"[^A-Za-z0-9@._-]", "-", author.who())[:_WHO_LENGTH]
