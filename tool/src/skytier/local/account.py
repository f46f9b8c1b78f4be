"""The system's users that services run as."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skytier.errors import SkytierError


@dataclass(frozen=True)
class Account:
    """A user of the system."""

    name: str
    uid: int
    gid: int

    @property
    def group(self) -> str:
        """The name of its first group."""
        return grp.getgrgid(self.gid).gr_name

    def popen_arguments(self) -> dict[str, Any]:
        """What makes subprocess run a child as this user: nothing when we are it already."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def check_reach(self, directory: Path) -> None:
        """Raises SkytierError when this user may not pass to a directory."""
        if self.uid == 0:
            return
        for path in [directory, *directory.parents]:
            status = path.stat()
            if status.st_uid == self.uid:
                passes = status.st_mode & 0o100
            elif status.st_gid == self.gid:
                passes = status.st_mode & 0o010
            else:
                passes = status.st_mode & 0o001
            if not passes:
                raise SkytierError(
                    f"The user {self.name}, who runs services of this stack, cannot enter {path}.",
                    "Set SKYTIER_HOME to a directory that every user can enter, such as "
                    f"/var/lib/skytier, or allow it: chmod o+x {path}",
                )


def current() -> Account:
    """Who we are."""
    return of(os.geteuid())


def of(uid: int) -> Account:
    """The user with a number. Raises SkytierError when the system does not know it."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise SkytierError(
            f"The system has no user with the number {uid}, and PostgreSQL does not start without "
            "one.",
            "Run as a user that is in /etc/passwd.",
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def of_nginx() -> Account | None:
    """Who Nginx's workers run as when root starts them; None when nobody else is needed."""
    return first_of("www-data", "nginx", "nobody") if os.geteuid() == 0 else None


def first_of(*names: str) -> Account:
    """The first of these users that the system has, for a service that should not be root."""
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise SkytierError(
        f"The system has none of the users {', '.join(names)} to run a service as.",
        f"Make one: useradd --system {names[0]}",
    )
