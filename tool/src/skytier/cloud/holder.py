"""Who holds a stack's lock, as a tag of 60 characters."""

import getpass
import os
import re
import secrets
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psutil

LENGTH = 60
"""What Neutron allowed a tag for long."""
_TAG = re.compile(
    r"lock:(?P<token>[0-9a-f]{6}):(?P<began>[0-9a-f]{8})\+(?P<age_s>\d+):(?P<pid>\d+)"
    r":(?P<what>[a-z]+):(?P<who>.*)"
)
_WHO_LENGTH = 20


@dataclass(frozen=True)
class Holder:
    """Somebody who holds the lock or reaches for it.

    `began` is in seconds since 1970; `age_s` how long after that this was still true.
    """

    token: str
    began: int
    age_s: int
    pid: int
    what: str
    """The command: `up`."""
    who: str
    """`user@host`, cut to 20 characters."""

    @classmethod
    def me(cls, what: str) -> "Holder":
        """This process, now."""
        return cls(secrets.token_hex(3), int(time.time()), 0, os.getpid(), what, who())

    @classmethod
    def read(cls, tag: str) -> "Holder | None":
        """From a tag; None when it is none of a lock."""
        found = _TAG.fullmatch(tag)
        if found is None:
            return None
        return cls(
            token=found["token"],
            began=int(found["began"], 16),
            age_s=int(found["age_s"]),
            pid=int(found["pid"]),
            what=found["what"],
            who=found["who"],
        )

    @property
    def tag(self) -> str:
        """As a tag: `lock:3f9c01:69ab12c0+90:4711:up:alice@laptop`."""
        name = f"{self.token}:{self.began:08x}+{self.age_s}:{self.pid}:{self.what}:{self.who}"
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
        if self.who == who() and not psutil.pid_exists(self.pid):
            return False
        return time.time() - (self.began + self.age_s) < dead_after_s

    def audit_line(self, result: str) -> str:
        """A line that stays when the lock is let go: `20261124T150300Z up ok alice@laptop`."""
        began = f"{datetime.fromtimestamp(self.began, UTC):%Y%m%dT%H%M%SZ}"
        return f"{began} {self.what} {result} {self.who}"[:LENGTH]


def who() -> str:
    """`user@host`, in characters that a tag may have."""
    try:
        user = getpass.getuser()
    except OSError:
        user = str(os.getuid())
    return re.sub(r"[^A-Za-z0-9@._-]", "-", f"{user}@{socket.gethostname()}")[:_WHO_LENGTH]
