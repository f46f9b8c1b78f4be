"""Carrying out a plan: as many steps at once as their needs allow."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Protocol

from skytier.deploy.interruption import interruptible
from skytier.deploy.kind import Found, Kind, Known, Tell, Wanted
from skytier.deploy.plan import Action, Step
from skytier.errors import SkytierError, together

AT_ONCE = 8
"""More than this and a cloud's rate limit answers first."""
LOOKS_EVERY_S = 0.5
"""A signal that comes just before a wait is seen only after it."""
_PAST = {
    Action.CREATE: "created",
    Action.CHANGE: "changed",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
}


class Events(Protocol):
    """Is told what happens, from several threads."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def told(self, step: Step, text: str) -> None:
        """What a running step is at."""

    def done(self, step: Step, seconds: float) -> None:
        """A step ended well."""

    def failed(self, step: Step, error: BaseException, seconds: float) -> None:
        """A step ended with an error."""

    def skipped(self, step: Step) -> None:
        """A step was not begun, since one that it needs failed."""


class Progress(Events, Protocol):
    """Is told what is planned, too."""

    def planned(self, steps: Sequence[Step]) -> None:
        """All steps, in their order; those that keep something are told of only here."""


class Calls:
    """How the kinds of a backend are called: here once, and their errors stay as they are."""

    def create(self, kind: Kind, wanted: Wanted, known: Known) -> Found:
        """Create it."""
        return kind.create(wanted, known)

    def reconcile(
        self, kind: Kind, wanted: Wanted, found: Found, known: Known, tell: Tell
    ) -> Found:
        """Bring it to what is wanted."""
        return kind.reconcile(wanted, found, known, tell)

    def explained(self, what: str, error: BaseException) -> BaseException:
        """The error to raise for what failed; `what` is a beginning of its sentence."""
        return error


class StoppedError(SkytierError):
    """Steps were left out, since the run was told to stop."""


class LossError(SkytierError):
    """The plan is not carried out, since it would lose something, or waits for a person."""


def apply(
    steps: Sequence[Step],
    kinds: Mapping[str, Kind],
    events: Events,
    known: Known,
    stop: threading.Event | None = None,
    calls: Calls | None = None,
) -> Known:
    """Carry out the steps. Returns everything that is there afterwards.

    `known` is what is there before. After a failure nothing that needs the failed step is begun;
    what is under way is finished, and all errors are raised as one. Once `stop` is set, or after
    Ctrl-C, no step is begun and none goes on waiting; then StoppedError or KeyboardInterrupt is
    raised, unless all was done.
    """
    refuse_losses(steps)
    there = Known(known)
    stop = stop or threading.Event()
    order = _order(steps)
    order.prepare()
    running: dict[Future[Found | None], int] = {}
    broken: set[int] = set()
    errors: list[BaseException] = []
    with interruptible(stop), _pool() as pool:
        while order.is_active():
            for index in order.get_ready():
                kept, cut_off = steps[index].action is Action.KEEP, broken & _needs(steps, index)
                if kept and not cut_off:
                    order.done(index)
                elif cut_off or stop.is_set():
                    broken.add(index)
                    events.skipped(steps[index])
                    order.done(index)
                else:
                    # A copy: it has all that the step needs, and does not change under its hands.
                    doing = _Doing(
                        steps[index], kinds, events, Known(there), stop, calls or Calls()
                    )
                    running[pool.submit(doing.carry_out)] = index
            if not running:
                continue
            for future in wait(running, LOOKS_EVERY_S, FIRST_COMPLETED).done:
                index = running.pop(future)
                if error := future.exception():
                    errors.append(error)
                    broken.add(index)
                elif found := future.result():
                    there[steps[index].key] = found
                order.done(index)
    if errors:
        # Steps that did not go on for it say nothing of why.
        raise together([each for each in errors if not isinstance(each, StoppedError)] or errors)
    if broken:
        raise _stopped()
    return there


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for the steps. After an error what is queued is never begun."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="step") as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _stopped() -> StoppedError:
    return StoppedError(
        "The run was stopped before all was done.", "Run it again: it continues where it stopped."
    )


def refuse_losses(steps: Sequence[Step]) -> None:
    """Raises LossError when a step would lose what nobody said may go, or is a person's to do."""
    for step in steps:
        if step.by_hand:
            raise LossError(
                f"The {step.key} is left as it is: {step.reason}. Nothing was changed.",
                step.by_hand,
            )
        if step.loses:
            raise LossError(
                f"The plan would {step.action} the {step.key} ({step.reason}) and lose "
                f"{step.loses}. "
                "Nothing was changed.",
                instead_of(step),
            )


def instead_of(step: Step) -> str:
    """What to do instead of a step that would lose something."""
    if _deletes(step):
        return step.instead
    if step.found and step.found.fault:
        return (
            f"Ask the cloud's operator to repair it: openstack {step.key.kind} show "
            f"{step.found.id}. "
            "Then run skytier up again."
        )
    back = f"Set {' and '.join(change.attribute for change in step.changes)} back as it was"
    return f"{back}. {step.wanted.outlived if step.wanted else ''}".rstrip()


def _order(steps: Sequence[Step]) -> TopologicalSorter[int]:
    return TopologicalSorter({index: _needs(steps, index) for index in range(len(steps))})


def _needs(steps: Sequence[Step], index: int) -> set[int]:
    """Deletions need deletions, and all else needs what is made or kept.

    A duplicate has the key of what is kept, so that a key alone does not tell which is meant.
    """
    step = steps[index]
    deletions, others = (step.needs, step.after) if _deletes(step) else ((), step.needs)
    return {
        other
        for other, each in enumerate(steps)
        if each.key in (deletions if _deletes(each) else others)
    }


def _deletes(step: Step) -> bool:
    return step.action is Action.DELETE


@dataclass(frozen=True)
class _Doing:
    """A step that is to be carried out, and what it needs for that."""

    step: Step
    kinds: Mapping[str, Kind]
    events: Events
    known: Known
    stop: threading.Event
    calls: Calls

    def carry_out(self) -> Found | None:
        """Carry it out, and tell of it. Raises what kept it from being done."""
        began = time.monotonic()
        if self.stop.is_set():
            self.events.skipped(self.step)
            raise _stopped()
        self.events.started(self.step)
        try:
            result = self._do(self.kinds[self.step.key.kind])
        except BaseException as raised:
            what = f"The {self.step.key} could not be {_PAST[self.step.action]}"
            error = self.calls.explained(what, raised)
            self.events.failed(self.step, error, time.monotonic() - began)
            if error is raised:
                raise
            raise error from raised
        self.events.done(self.step, time.monotonic() - began)
        return result

    def _do(self, kind: Kind) -> Found | None:
        step = self.step
        if step.action in (Action.DELETE, Action.REPLACE):
            assert step.found is not None  # noqa: S101  # only what was found is planned away
            kind.delete(step.found, self._tell)
        if step.action is Action.DELETE:
            return None
        assert step.wanted is not None  # noqa: S101  # all other steps bring something about
        if step.action is Action.CHANGE:
            assert step.found is not None  # noqa: S101
            there = step.found
        else:
            there = self.calls.create(kind, step.wanted, self.known)
        return self.calls.reconcile(kind, step.wanted, there, self.known, self._tell)

    def _tell(self, text: str) -> None:
        # Who waits tells what it waits for each time it looks: so a wait ends here when the run is
        # to stop. The next run goes on with it, as after a kill.
        if self.stop.is_set():
            raise _stopped()
        self.events.told(self.step, text)
