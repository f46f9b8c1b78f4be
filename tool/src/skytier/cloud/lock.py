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
from openstack.exceptions import (
    ConflictException,
    NotFoundException,
    PreconditionFailedException,
)

from skytier.errors import SkytierError
from skytier.resources.project import PREFIX, Project

DEAD_AFTER_S = 150.0
RENEW_EVERY_S = 30.0
ATTEMPTS = 10
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

    def __init__(self, project: Project, dead_after_s: float = DEAD_AFTER_S) -> None:
        self._project = project
        self._dead_after_s = dead_after_s
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
        return next(iter(self._holders()), None)

    def exists(self) -> bool:
        """Whether there is one, held or not: then the stack was not taken down to the end."""
        return bool(self._groups())

    def audit(self) -> list[str]:
        """The last lines, oldest first: `20261124T150300Z up ok alice@laptop`."""
        return sorted(
            tag for group in self._groups() for tag in group.tags or [] if tag[:1].isdigit()
        )

    def note(self, holder: Holder, result: str) -> str:
        """Add a line to the audit, for the holder. Returns it."""
        time_ = holder.since.replace("-", "").replace(":", "")
        line = f"{time_} {holder.what} {result} {holder.who}"[:TAG_LENGTH].replace(",", ";")
        if group := self._held_by(holder):
            lines = sorted({*self.audit(), line})[-AUDIT_LINES:]
            self._network.set_tags(group, [self._project.mark, *lines])
        return line

    def delete(self) -> None:
        """Take it away: the last thing of a stack that is taken down. One that is held stays."""
        for group in self._groups():
            if self._alive(group):
                continue
            with suppress(PreconditionFailedException):  # somebody took it just now
                self._network.delete_security_group(group, if_revision=group.revision_number)

    def _take(self, me: Holder) -> None:
        """Write, then look: of several who do it at once, each sees those who wrote before.

        Two may even have made a group at once, and each have written into their own. Then both
        see the other one, let go, and try again after different times.
        """
        for _ in range(ATTEMPTS):
            if others := self._holders():
                raise _locked(others[0])
            # 412: somebody was quicker. 404: somebody tidied up. What is there now decides.
            with suppress(PreconditionFailedException, ConflictException, NotFoundException):
                group, *_ = self._groups() or [self._create()]
                self._write(group, me)
            if self._held_by(me):
                if self._holders() == [me]:
                    self._tidy_up(me)
                    return
                self._release(me)
            time.sleep(secrets.randbelow(1000) / 1000)
        raise SkytierError(
            "The stack's lock changes all the time: several are reaching for it.",
            "Wait a moment, and run again.",
        )

    def _create(self) -> Any:
        group = self._network.create_security_group(name=self._name, description=self._mark)
        return self._project.tagged(group)

    def _tidy_up(self, me: Holder) -> None:
        """Delete groups that were made at the same time as ours. They are nobody's: we hold it."""
        for group in self._groups():
            if not self._is(group, me):
                self._network.delete_security_group(group.id, ignore_missing=True)

    def _renew(self, me: Holder, ended: threading.Event, lost: threading.Event) -> None:
        while not ended.wait(RENEW_EVERY_S):
            try:
                group = self._held_by(me)
                if group is None:
                    lost.set()
                    return
                # Neutron notes the time of each change; a description that stays is none.
                self._write(group, me, padding=int(time.time()) % 10)
            except Exception:  # noqa: S112  # the next one may go through; the others wait for that
                continue

    def _release(self, me: Holder) -> None:
        if group := self._held_by(me):
            with suppress(NotFoundException):  # somebody else who holds it tidied up
                self._network.update_security_group(group, description=self._mark)

    def _groups(self) -> list[Any]:
        mark = self._mark.strip()
        groups = self._network.security_groups(name=self._name, project_id=self._project.id)
        ours = [group for group in groups if (group.description or "").startswith(mark)]
        return sorted(ours, key=lambda group: (group.created_at or "", group.id))

    def _holders(self) -> list[Holder]:
        return [holder for group in self._groups() if (holder := self._alive(group))]

    def _held_by(self, me: Holder) -> Any | None:
        return next((group for group in self._groups() if self._is(group, me)), None)

    def _is(self, group: Any, me: Holder) -> bool:
        holder = self._read(group)
        return holder is not None and holder.token == me.token

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
        return holder if age_s < self._dead_after_s else None


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
