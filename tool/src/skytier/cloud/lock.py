"""Who is changing a stack, and who did: kept in the cloud, on nothing that a stack may replace.

The lock is a security group that guards nothing. Its description says who holds it; Neutron
changes it only for whoever knows its revision, so that of two who reach for it one gets it. Its
tags are the last lines of the audit.
"""

import getpass
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil
from openstack.exceptions import ConflictException, PreconditionFailedException

from skytier.errors import SkytierError
from skytier.resources.project import PREFIX, Project

DEAD_AFTER_S = 150.0
RENEW_EVERY_S = 30.0
AUDIT_LINES = 30
TAG_LENGTH = 60
"""What Neutron allowed for long."""


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: `who` is user@host, `since` a time in UTC, `what` a command."""

    who: str
    what: str
    since: str
    pid: int
    token: str

    @property
    def host(self) -> str:
        """The holder's machine."""
        return self.who.rpartition("@")[2]


class LockedError(SkytierError):
    """Somebody else is changing the stack."""


class Lock:
    """The lock of one stack."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network
        self._name = f"{project.stack}-lock"
        self._mark = f"{PREFIX}lock={project.stack} "

    @contextmanager
    def held(self, what: str, lost: threading.Event) -> Iterator[Holder]:
        """Hold it for the time of the block; `lost` is set when somebody took it over.

        Raises LockedError, which says who holds it, since when and what for.
        """
        me = Holder(who(), what, _now(), os.getpid(), secrets.token_hex(4))
        self._take(me)
        ended = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(me, ended, lost), daemon=True)
        renewal.start()
        try:
            yield me
        finally:
            ended.set()
            renewal.join()
            self._release(me)

    def holder(self) -> Holder | None:
        """Who holds it now; None when nobody does, or nobody who is alive."""
        group = self._find()
        return self._alive(group) if group else None

    def exists(self) -> bool:
        """Whether there is one, held or not: then the stack was not taken down to the end."""
        return self._find() is not None

    def audit(self) -> list[str]:
        """The last lines, oldest first: `20261124T150300Z up ok alice@laptop`."""
        group = self._find()
        return sorted(tag for tag in group.tags or [] if tag[:1].isdigit()) if group else []

    def note(self, holder: Holder, result: str) -> str:
        """Add a line to the audit. Returns it."""
        time_ = holder.since.replace("-", "").replace(":", "")
        line = f"{time_} {holder.what} {result} {holder.who}"[:TAG_LENGTH].replace(",", ";")
        if group := self._find():
            lines = sorted({*self.audit(), line})[-AUDIT_LINES:]
            self._network.set_tags(group, [self._project.mark, *lines])
        return line

    def delete(self) -> None:
        """Take it away: the last thing of a stack that is taken down."""
        for group in self._groups():
            self._network.delete_security_group(group.id, ignore_missing=True)

    def _take(self, me: Holder) -> None:
        group = self._find() or self._create()
        for _ in range(5):
            if other := self._alive(group):
                raise _locked(other)
            # Somebody was quicker, or an answer was lost on its way: what is there now decides.
            with suppress(PreconditionFailedException, ConflictException):
                self._write(group, me)
            group = self._find() or self._create()
            if self._read(group) == me:
                return
        raise SkytierError(
            "The stack's lock changes all the time: several are reaching for it.",
            "Wait a moment, and run again.",
        )

    def _create(self) -> Any:
        self._network.create_security_group(name=self._name, description=self._mark)
        # Two may have made one at once: the older one counts, for both of them.
        group, *others = self._groups()
        for other in others:
            self._network.delete_security_group(other.id, ignore_missing=True)
        return self._project.tagged(group)

    def _renew(self, me: Holder, ended: threading.Event, lost: threading.Event) -> None:
        while not ended.wait(RENEW_EVERY_S):
            try:
                group = self._find()
                if group is None or self._read(group) != me:
                    lost.set()
                    return
                # Neutron notes the time of each change; a description that stays is none.
                self._write(group, me, padding=int(time.time()) % 10)
            except Exception:  # noqa: S112  # the next one may go through; the others wait for that
                continue

    def _release(self, me: Holder) -> None:
        group = self._find()
        if group is not None and self._read(group) == me:
            self._network.update_security_group(group, description=self._mark)

    def _groups(self) -> list[Any]:
        groups = self._network.security_groups(name=self._name, project_id=self._project.id)
        ours = [
            group for group in groups if (group.description or "").startswith(self._mark.strip())
        ]
        return sorted(ours, key=lambda group: (group.created_at or "", group.id))

    def _find(self) -> Any | None:
        return next(iter(self._groups()), None)

    def _write(self, group: Any, me: Holder, padding: int = 0) -> None:
        text = self._mark + json.dumps(asdict(me), separators=(",", ":")) + " " * padding
        self._network.update_security_group(
            group, if_revision=group.revision_number, description=text
        )

    def _read(self, group: Any) -> Holder | None:
        text = (group.description or "").partition(self._mark)[2].strip()
        try:
            return Holder(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return None

    def _alive(self, group: Any) -> Holder | None:
        holder = self._read(group)
        if holder is None:
            return None
        if holder.host == socket.gethostname() and not psutil.pid_exists(holder.pid):
            return None
        changed = datetime.fromisoformat(group.updated_at.replace("Z", "+00:00"))
        age_s = (datetime.now(UTC) - changed.astimezone(UTC)).total_seconds()
        return holder if age_s < DEAD_AFTER_S else None


def who() -> str:
    """`user@host`, for the lock and the audit."""
    try:
        user = getpass.getuser()
    except OSError:
        user = str(os.getuid())
    return f"{user[:20]}@{socket.gethostname()}"[:60]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _locked(holder: Holder) -> LockedError:
    return LockedError(
        f"{holder.who} (process {holder.pid}) has been at this stack since {holder.since}: "
        f"skytier {holder.what}.",
        "Wait until it is done. A holder that died is passed over by itself: at once on its own "
        f"machine, after {DEAD_AFTER_S:.0f} s on another.",
    )
