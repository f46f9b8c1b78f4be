"""A rehearsal of a restore: on a scratch server, on the monitor, or beside the database."""

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from skytier.deploy import rehearsal
from skytier.deploy.apply import Progress, StoppedError, apply
from skytier.deploy.interruption import interrupted
from skytier.deploy.kind import Tell
from skytier.deploy.plan import plan
from skytier.deploy.rehearsal import Proof, Source
from skytier.deploy.rehearsed import Drill, DrillName, Rehearsed, as_json, rehearsed
from skytier.deploy.setup import set_up
from skytier.errors import SkytierError
from skytier.hosts.host import Host
from skytier.openstack.choices import choices
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.quota import refuse_short
from skytier.openstack.commands import drills, scratch
from skytier.openstack.commands.backups import places, told_step
from skytier.openstack.commands.database import DATABASE, database_of, machines
from skytier.openstack.commands.on_monitor import OnMonitor, check_machine
from skytier.openstack.commands.ssh_target import ssh_target
from skytier.openstack.plan.kinds import RULES
from skytier.openstack.plan.planned import Plan
from skytier.openstack.resources.creation import RepeatedCalls
from skytier.openstack.stack import CloudStack
from skytier.services.pgbackrest.config import trusted
from skytier.services.pgbackrest.marker import Marker
from skytier.services.setup import File, Setup
from skytier.stackfile.backup import PATH


def rehearse(
    stack: CloudStack,
    progress: Progress,
    flavor: str | None = None,
    place: str | None = None,
    names: Collection[DrillName] = (),
    *,
    on_monitor: bool = False,
) -> Rehearsed:
    """Prove the newest backup, under the stack's lock. What it makes is removed, however it ends.

    `flavor` is that of the scratch server; without it that of the database. `place` is the place of
    the backups; without it the first that has some. `names` are what is tried once they are proven.
    `on_monitor` is whether the copy is in a container on the monitor's machine.
    What could not be removed is told in the result.
    Raises SkytierError where it cannot begin; how it went from the marker on is told in the result.
    """
    began, lost = datetime.now(UTC), threading.Event()
    ended = interrupted(
        "Interrupted: the backups are not proven.",
        f"Run again: skytier rehearse{' --on monitor' if on_monitor else ''}. It first removes "
        "what may be left of this one.",
    )
    with ended, stack.held("rehearse", lost), database_of(stack) as database:
        if on_monitor:
            check_machine(stack.stack)
        drills.refuse(stack, names)
        # Of a run that was interrupted.
        scratch.remove(stack.stack.name, stack.kinds, progress)
        of = rehearsal.source(database, places(stack, place))
        copy: _Scratch | _Beside | OnMonitor = _Beside(stack, of, database)
        if on_monitor:
            copy = OnMonitor.of_stack(stack, of, database)
        elif stack.stack.backup.places[of.place].kind != PATH:
            copy = _scratch(stack, of, flavor, lost)
        marked, proof, trouble = None, None, None
        try:
            marked = told_step(
                "marker",
                database.name,
                lambda tell: rehearsal.mark(database, began, tell, of.place),
                progress,
            )
            proof = copy.prove(marked, progress)
        except StoppedError:
            raise
        except SkytierError as error:
            trouble = error
        found = rehearsed(
            *((stack.stack.name, stack.cloud), began, copy.machine, of),
            marked=marked,
            parts=copy.parts,
            proof=proof,
            trouble=trouble,
            left=" ".join(copy.left) if isinstance(copy, _Scratch) else "",
        )
        _keep(stack, began, found)
        _note(stack, database, found)
        why_not = "" if found.good else "the backups are not proven"
        for name in names:
            tried = _not_tried(name, why_not) if why_not else _tried(stack, name, progress, lost)
            if not (why_not or tried.good):
                why_not = f"the {name} failed"
            found = replace(found, drills=[*found.drills, tried])
            _keep(stack, began, found)
    return found


def _note(stack: CloudStack, database: Host, found: Rehearsed) -> None:
    """Give the monitor the result. Former primaries tell nothing of older ones any more."""
    if found.good:
        figures = (found.recovery_s, found.lost_seconds, found.place)
        text = rehearsal.metrics(datetime.now(UTC), *figures)
        rehearsal.note_good(database, text, found.place)
    else:
        rehearsal.note_failed(database, found.place)
    if stack.stack.database.members == 1:
        return
    with machines(stack, that_run=True) as hosts:
        for host in hosts.values():
            # One that does not answer is asked again by the next rehearsal.
            with suppress(SkytierError):
                if host.name != database.name:
                    rehearsal.outdated(host, found.place, good=found.good)


_AFTER_CTRL_C = {
    DrillName.SWITCHOVER: "See how the stack is: skytier status. Then rehearse again.",
    # Another rehearsal would take what serves now for the present release.
    DrillName.ROLLBACK: "See which release serves: skytier releases. If it is an older one, bring "
    "the newer one back before you rehearse again: skytier rollback ID, then skytier release",
}


def _tried(stack: CloudStack, name: DrillName, progress: Progress, lost: threading.Event) -> Drill:
    with interrupted(
        f"Interrupted: the backups are proven, and the {name} was not completed.",
        _AFTER_CTRL_C[name],
    ):
        return drills.drill(stack, name, progress, lost)


def _keep(stack: CloudStack, began: datetime, found: Rehearsed) -> None:
    stack.operator.keep_rehearsal(f"{began:%Y%m%dT%H%M%SZ}", as_json(found))


def _not_tried(name: DrillName, why: str) -> Drill:
    return Drill(
        name,
        trouble=f"It was not tried, since {why}.",
        advice="Fix that first, and rehearse again.",
    )


@dataclass(frozen=True)
class _Beside:
    """A copy on the database's own machine: no other one can read the directory of the backups."""

    stack: CloudStack
    of: Source
    database: Host
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def machine(self) -> str:
        return self.database.name

    def prove(self, marked: Marker, progress: Progress) -> Proof:
        def run(tell: Tell) -> Proof:
            place = (self.database, self.stack.stack, None)
            return rehearsal.prove(*place, self.of, marked, tell, beside=True)

        return told_step("rehearsal", self.machine, run, progress)


@dataclass(frozen=True)
class _Scratch:
    """A copy on a server that is made for it, and removed."""

    stack: CloudStack
    of: Source
    plan: Plan
    flavor: Flavor
    root_gib: int
    lost: threading.Event
    parts: dict[str, float] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Why it could not be removed, in sentences."""

    @property
    def name(self) -> str:
        return scratch.server(self.plan.resolved).name

    @property
    def machine(self) -> str:
        return f"{self.name} ({self.flavor.name})"

    def prove(self, marked: Marker, progress: Progress) -> Proof:
        stack, resolved = self.stack, self.plan.resolved
        began = time.monotonic()
        try:
            wanted = scratch.wanted(resolved, stack.project, self.flavor, self.root_gib)
            steps = plan(wanted, [], RULES)
            refuse_short(stack.room(steps, {scratch.ROLE: self.flavor}))
            known = self.plan.known
            apply(steps, stack.kinds, progress, known, self.lost, RepeatedCalls())
            return told_step(
                "rehearsal", self.name, lambda tell: self._prove(marked, began, tell), progress
            )
        finally:
            # What is raised here would hide how it ended.
            try:
                scratch.remove(stack.stack.name, stack.kinds, progress)
            except SkytierError as error:
                self.left.append(
                    f"The scratch server {self.name} may still be there, which costs: {error.what} "
                    "The next skytier rehearse or skytier up removes it."
                )

    def _prove(self, marked: Marker, began: float, tell: Tell) -> Proof:
        stack, resolved = self.stack.stack, self.plan.resolved
        with ssh_target(self.stack, self.name, tell) as host:
            entered = time.monotonic()
            self.parts["server"] = entered - began
            known_by = [File(*each) for each in trusted(stack, self.of.place).items()]
            set_up(host, resolved.installed(DATABASE, self.plan.known) + Setup(known_by), {}, tell)
            self.parts["set-up"] = time.monotonic() - entered
            store = resolved.topology(self.plan.known).backup_stores.get(self.of.place)
            return rehearsal.prove(host, stack, store, self.of, marked, tell, beside=False)


def _scratch(stack: CloudStack, of: Source, flavor: str | None, lost: threading.Event) -> _Scratch:
    of_stack = stack.plan()
    chosen = of_stack.resolved.choices.flavors[DATABASE]
    if flavor:
        offers = choices.offered_flavors(stack.connection)
        chosen = choices.flavor(offers, flavor, "Name another with --flavor.")
    root = of_stack.resolved.choices.roots.get(DATABASE, 0)
    root_gib = scratch.root_gib(chosen, root, rehearsal.needed_bytes(of.backup))
    if root_gib and not stack.has_volumes:
        raise SkytierError(
            f"A copy of the database needs a disk of {root_gib} GiB, the flavor {chosen.name} has "
            f"{chosen.disk_gib} GiB, and the cloud has no volume service (Cinder).",
            "Name a flavor with a larger disk: --flavor",
        )
    return _Scratch(stack, of, of_stack, chosen, root_gib, lost)
