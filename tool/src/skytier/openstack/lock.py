"""Who is changing a stack, and who did: kept in the cloud, on nothing that a stack may replace.

A security group that guards nothing is the place for it; its tags say who holds the lock, and are
the last lines of the audit.

Neutron's updates are no place for a lock: of several that name the same revision, more than one can
go through. But each tag is a row of its own. So whoever wants the lock adds a tag first and looks
then: of two who do it at the same time at least one sees the other. Who sees another lets go.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from openstack.exceptions import NotFoundException

from skytier.errors import SkytierError
from skytier.openstack.holder import Holder
from skytier.openstack.resources.creation import is_ambiguous
from skytier.openstack.resources.errors import API_ERRORS
from skytier.openstack.resources.project import PREFIX, Project

DEAD_AFTER_S = 150.0
RENEW_EVERY_S = 30.0
RENEWAL_ENDS_WITHIN_S = 10.0
"""One call of the API may take longer; who waits for it has pressed Ctrl-C perhaps."""
ATTEMPTS = 10
AUDIT_LINES = 30


class LockedError(SkytierError):
    """Somebody else is changing the stack."""


class Lock:
    """The lock of one stack."""

    def __init__(self, project: Project, dead_after_s: float = DEAD_AFTER_S) -> None:
        self._project = project
        self._dead_after_s = dead_after_s
        self._network = project.connection.network
        self._name = f"{project.stack}-lock"
        self._mark = f"{PREFIX}lock={project.stack}"

    @contextmanager
    def held(self, what: str, lost: threading.Event) -> Iterator[Holder]:
        """Hold it for the time of the block; `lost` is set when somebody took it over.

        Raises LockedError, which says who holds it, since when and what for.
        """
        me = Holder.me(what)
        try:
            self._take(me)
        except BaseException:
            with suppress(Exception):
                self._remove(me)
            raise
        ended = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(me, ended, lost), daemon=True)
        renewal.start()
        try:
            yield me
        finally:
            ended.set()
            # A lock that cannot be let go of is passed over once its holder is dead. To fail here
            # would hide how the block ended.
            with suppress(Exception):
                renewal.join(RENEWAL_ENDS_WITHIN_S)
                self._remove(me)

    def holder(self) -> Holder | None:
        """Who holds it now; None when nobody does, or nobody who is alive."""
        return next(iter(self._alive(self._groups())), None)

    def exists(self) -> bool:
        """Whether there is one, held or not: then the stack was not taken down to the end."""
        return bool(self._groups())

    def audit(self) -> list[str]:
        """The last lines, oldest first: `20261124T150300Z up ok 214s alice@laptop`."""
        return _audit(self._groups())

    def note(self, holder: Holder, result: str) -> None:
        """Add a line to the audit."""
        line = holder.audit_line(result)
        for group in self._groups()[:1]:
            group.add_tag(self._network, line)
            for old in sorted({*_audit([group]), line})[:-AUDIT_LINES]:
                group.remove_tag(self._network, old)

    def delete(self) -> None:
        """Take it away, for who holds it: the last thing of a stack that is taken down."""
        for group in self._groups():
            self._network.delete_security_group(group.id, ignore_missing=True)

    def _take(self, me: Holder) -> None:
        """Say so, then look: it is ours when nobody else says so.

        Of several who reach for it at the same time the one with the lowest token stays and waits
        for the others to give way; against a holder it waits in vain.
        """
        groups = self._groups()
        if others := self._alive(groups):
            raise _locked(others[0])
        for _ in range(ATTEMPTS):
            # A look counts only if the tag was there for certain before it began.
            said = _has(groups, me) or self._add(me, groups)
            groups = self._groups()
            if not (said and _has(groups, me)):
                continue
            others = [holder for holder in self._alive(groups) if holder.token != me.token]
            if not others:
                self._tidy_up(me, groups)
                return
            if min(other.token for other in others) < me.token:
                break
            time.sleep(0.5)
        if others:
            raise _locked(others[0])
        raise SkytierError(
            "The stack's lock cannot be taken: somebody removes it each time.",
            "Somebody may be deleting the stack. Wait a moment, and run it again.",
        )

    def _add(self, me: Holder, groups: list[Any]) -> bool:
        """Say that we want it. Returns whether that went through for certain."""
        try:
            group = groups[0] if groups else self._create()
            group.add_tag(self._network, me.tag)
        except NotFoundException:  # the whole stack was taken away just now
            return False
        except API_ERRORS as error:
            if not is_ambiguous(error):
                raise
            time.sleep(1)
            return False
        return True

    def _create(self) -> Any:
        return self._network.create_security_group(name=self._name, description=self._mark)

    def _tidy_up(self, me: Holder, groups: list[Any]) -> None:
        """For who holds it: what the dead left, and groups that were made at the same time."""
        ours = next((group for group in groups if me.tag in group.tags), None)
        for group in groups:
            if group is not ours:
                self._network.delete_security_group(group.id, ignore_missing=True)
        if ours is not None:
            # One by one: to set all of them would take away what another just added.
            if self._project.mark not in ours.tags:
                ours.add_tag(self._network, self._project.mark)
            for tag in [tag for tag in ours.tags if Holder.read(tag) and tag != me.tag]:
                self._untag(ours, tag)

    def _renew(self, me: Holder, ended: threading.Event, lost: threading.Event) -> None:
        renewed = time.monotonic()
        while not ended.wait(RENEW_EVERY_S):
            if time.monotonic() - renewed > self._dead_after_s:
                # Whoever wants the lock takes this holder for dead by now.
                lost.set()
                return
            try:
                groups = [(g, tag) for g in self._groups() for tag in g.tags if _is(tag, me)]
                if not groups:
                    lost.set()
                    return
                (group, old), new = groups[0], me.renewed().tag
                if new != old:
                    group.add_tag(self._network, new)
                    self._untag(group, old)
                renewed = time.monotonic()
            except Exception:  # noqa: S112  # the next one may go through; the others wait for that
                continue

    def _remove(self, me: Holder) -> None:
        for group in self._groups():
            for tag in [tag for tag in group.tags if _is(tag, me)]:
                self._untag(group, tag)

    def _untag(self, group: Any, tag: str) -> None:
        try:
            group.remove_tag(self._network, tag)
        except NotFoundException:  # it, or the whole group, is gone already
            return
        except API_ERRORS as error:
            # Of a group that is gone Neutron 2025.1 says 500 and not 404.
            if not is_ambiguous(error) or any(group.id == each.id for each in self._groups()):
                raise

    def _alive(self, groups: list[Any]) -> list[Holder]:
        """Who holds it or reaches for it, and is at work."""
        read = [Holder.read(tag) for group in groups for tag in group.tags]
        alive = {h.token: h for h in read if h is not None and h.is_alive(self._dead_after_s)}
        return list(alive.values())

    def _groups(self) -> list[Any]:
        """The one group; more for a moment, when several made it at the same time."""
        groups = self._network.security_groups(
            name=self._name, description=self._mark, project_id=self._project.id
        )
        return sorted(groups, key=lambda group: (group.created_at or "", group.id))


def _has(groups: list[Any], me: Holder) -> bool:
    return any(me.tag in group.tags for group in groups)


def _audit(groups: list[Any]) -> list[str]:
    """The lines of the audit, oldest first."""
    return sorted(tag for group in groups for tag in group.tags if tag[0].isdigit())


def _is(tag: str, me: Holder) -> bool:
    holder = Holder.read(tag)
    return holder is not None and holder.token == me.token


def _locked(holder: Holder) -> LockedError:
    return LockedError(
        f"{holder.who} (process {holder.pid}) has been changing this stack since {holder.since}: "
        f"skytier {holder.what}.",
        "Wait until it is done. A holder that died is passed over by itself: at once on its own "
        f"machine, after {DEAD_AFTER_S:.0f} s on another.",
    )
