"""What a rehearsal tries besides the backups: a planned switchover, and a rolled-back release."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from skytier import release as releasing
from skytier.deploy.apply import Progress, StoppedError
from skytier.deploy.kind import Found, Key, Known, Tell
from skytier.deploy.minor_upgrade import wait_for_backup
from skytier.deploy.plan import one_of_each
from skytier.deploy.rehearsed import Drill, DrillName
from skytier.errors import SkytierError
from skytier.hosts.ssh import Ssh
from skytier.openstack.commands.backups import one_step
from skytier.openstack.commands.database import machines
from skytier.openstack.commands.in_step import all_in_step
from skytier.openstack.commands.rollback import asked, merged, switch_back, unknown_migrations
from skytier.openstack.machines.access import Access
from skytier.openstack.plan.releases import PINNED, web_servers
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack
from skytier.release import history
from skytier.services.patroni.look import look
from skytier.services.patroni.members import successor
from skytier.services.patroni.switchover import switch_over

Note = Callable[[str, float | None], None]
"""Notes what serves from now on, and the seconds."""


def refuse(stack: CloudStack, names: Collection[DrillName]) -> None:
    """Raises SkytierError where one of them could not begin now. Changes nothing."""
    if DrillName.SWITCHOVER in names:
        with machines(stack) as hosts:
            successor(look(hosts), stack.stack.database.synchronous, None)
    if DrillName.ROLLBACK in names:
        with Ssh() as shell:
            _Rollback.of(stack, shell)


def drill(
    stack: CloudStack, name: DrillName, progress: Progress, lost: threading.Event | None = None
) -> Drill:
    """Try one of them, under the stack's lock. What fails is told in the result."""
    steps: list[dict[str, Any]] = []

    def note(to: str, seconds: float | None) -> None:
        steps.append({"to": to, "seconds": None if seconds is None else round(seconds, 3)})

    try:
        if name is DrillName.SWITCHOVER:
            _switch_over(stack, progress, lost, note)
        else:
            with Ssh() as shell:
                _Rollback.of(stack, shell).try_it(progress, lost, note)
    except StoppedError:
        raise
    except SkytierError as error:
        return Drill(name, steps, error.what, error.do or "")
    return Drill(name, steps)


def _switch_over(
    stack: CloudStack, progress: Progress, lost: threading.Event | None, note: Note
) -> None:
    """Another member becomes the primary, and the former one follows it."""
    database = stack.stack.database
    with machines(stack) as hosts:
        wait = partial(all_in_step, hosts, count=database.members, synchronous=database.synchronous)

        def run(tell: Tell) -> str:
            found, error = wait(tell)
            if error:
                raise error
            primary, to = successor(found, database.synchronous, None)
            wait_for_backup(hosts[primary.machine], tell)
            tell(f"{to.machine} takes over")
            seconds = switch_over(hosts[primary.machine], primary, to).without_primary_s
            note(to.machine, seconds)
            if error := wait(tell)[1]:
                raise SkytierError(
                    f"{to.machine} is the primary now. {error.what}",
                    "See the members: skytier database, and skytier status",
                )
            return f"{to.machine} is the primary"

        one_step(DrillName.SWITCHOVER, stack.stack.name, run, progress, lost)


@dataclass(frozen=True)
class _Rollback:
    """To the release before, and back to the one that serves."""

    access: Access
    servers: Server
    known: Known
    now: history.Entry
    before: history.Entry
    pinned: Sequence[Found]
    """The servers that a rollback led to their release before all this."""

    @classmethod
    def of(cls, stack: CloudStack, shell: Ssh) -> "_Rollback":
        """Raises SkytierError where no release is before that which serves, or where the one that
        is does not know the database as it is now."""
        known = Known(one_of_each(stack.find())[0])
        access = Access(stack.connection, stack.operator, shell, publish=True)
        told = asked(access, known)
        found = merged(told)
        before, now = found.target(None), found.history.now()
        if now is None:
            raise SkytierError("No release serves.", "Release one: skytier release")
        unknown = unknown_migrations(access, known, told, now.id, before.id)
        if unknown is None or unknown:
            why = (
                f"It lacks migrations that were run since: {', '.join(unknown)}."
                if unknown
                else "No machine has both releases, so their migrations cannot be compared."
            )
            raise SkytierError(
                f"The release before, {before.id}, may not work with the database. {why}",
                "Rehearse without --rollback.",
            )
        servers = [known[Key(Server.name, name)] for name in told]
        pinned = [each for each in servers if each.facts["metadata"].get(PINNED)]
        return cls(access, Server(stack.project), known, now, before, pinned)

    def try_it(self, progress: Progress, lost: threading.Event | None, note: Note) -> None:
        """Whatever comes of the release before, the one that served serves again."""
        try:
            self._switch(self.before, progress, lost, note)
        except StoppedError:  # the stack is somebody else's now
            raise
        except BaseException as error:
            # Ctrl-C has set `lost`, too.
            is_cut = isinstance(error, KeyboardInterrupt)
            self._go_on(progress, threading.Event() if is_cut else lost, note)
            raise
        self._go_on(progress, lost, note)

    def _go_on(self, progress: Progress, lost: threading.Event | None, note: Note) -> None:
        try:
            self._switch(self.now, progress, lost, note)
        except StoppedError:
            raise
        except KeyboardInterrupt:
            raise SkytierError(
                f"Interrupted: {self.before.id} may still serve, and the next skytier up keeps it.",
                f"Bring the present one back: skytier rollback {self.now.id}{self._then}",
            ) from None
        except SkytierError as error:
            raise SkytierError(
                f"{self.now.id} does not serve everywhere again. {error.what}",
                f"Switch to it: skytier rollback {self.now.id}",
            ) from error
        if not self.pinned:
            self._let_go()

    @property
    def _then(self) -> str:
        """What else is to be run after a rollback to the present one, if it was not pinned."""
        return "" if self.pinned else ", then skytier release"

    def _switch(
        self,
        to: history.Entry,
        progress: Progress,
        lost: threading.Event | None,
        note: Note,
    ) -> None:
        began = time.monotonic()
        switch_back(self.known, self.access, self.servers, progress, to.id, lost)
        note(to.id, time.monotonic() - began)

    def _let_go(self) -> None:
        """The next `up` releases what is new, as before."""
        try:
            for name in web_servers(self.known):
                host = self.access.open(name, self.known, lambda text: None)
                releasing.note(host, [history.ended(self.now.id, healthy=True)])
                self.servers.note(self.known[Key(Server.name, name)].id, {PINNED: ""})
        except (SkytierError, KeyboardInterrupt, *API_ERRORS) as error:
            why = _why(error)
            raise SkytierError(
                f"{self.now.id} serves again, and stays as after a rollback. {why.what}",
                "Release it, so that the next skytier up can release what is new: skytier release",
            ) from error


def _why(error: Exception | KeyboardInterrupt) -> SkytierError:
    if isinstance(error, KeyboardInterrupt):
        return SkytierError("Interrupted.", "")
    return error if isinstance(error, SkytierError) else explained("A note failed", error)
