"""Carrying out a plan: as many steps at once as their needs allow."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import Protocol

from skytier.errors import SkytierError
from skytier.plan import Action, Step
from skytier.resources.creation import create_once, settle_patiently
from skytier.resources.errors import API_ERRORS, explained
from skytier.resources.kind import Found, Kind, Known, Tell

AT_ONCE = 8
"""More than this and a cloud's rate limit answers first."""
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


class LossError(SkytierError):
    """The plan is not carried out, since it would lose something."""


def apply(
    steps: Sequence[Step],
    kinds: Mapping[str, Kind],
    events: Events,
    known: Known,
    stop: threading.Event | None = None,
) -> Known:
    """Carry out the steps. Returns everything that is there afterwards.

    `known` is what is there before. After a failure nothing that needs the failed step is begun;
    what is under way is finished, and the first error is raised. `stop` does the same from outside.
    """
    refuse_losses(steps)
    there = Known(known)
    stop = stop or threading.Event()
    order = _order(steps)
    order.prepare()
    running: dict[Future[Found | None], int] = {}
    broken: set[int] = set()
    errors: list[BaseException] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="step") as pool:
        while order.is_active():
            for index in order.get_ready():
                if broken & _needs(steps, index) or stop.is_set():
                    broken.add(index)
                    events.skipped(steps[index])
                    order.done(index)
                elif steps[index].action is Action.KEEP:
                    order.done(index)
                else:
                    # A copy: it has all that the step needs, and does not change under its hands.
                    so_far = Known(there)
                    running[pool.submit(_carry_out, steps[index], kinds, events, so_far)] = index
            if not running:
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index = running.pop(future)
                if error := future.exception():
                    errors.append(error)
                    broken.add(index)
                elif found := future.result():
                    there[steps[index].key] = found
                order.done(index)
    if errors:
        raise errors[0]
    return there


def refuse_losses(steps: Sequence[Step]) -> None:
    """Raises LossError when a step would lose what nobody said may go."""
    for step in steps:
        if step.loses:
            raise LossError(
                f"The plan would replace the {step.key} ({step.reason}) and lose {step.loses}.",
                "Set what changed back as it was; or move the data away yourself, run skytier down "
                "and begin anew.",
            )


def _order(steps: Sequence[Step]) -> TopologicalSorter[int]:
    return TopologicalSorter({index: _needs(steps, index) for index in range(len(steps))})


def _needs(steps: Sequence[Step], index: int) -> set[int]:
    """Deletions need deletions, and all else needs what is made or kept."""
    step = steps[index]
    deletes = step.action is Action.DELETE
    return {
        other
        for other, each in enumerate(steps)
        if each.key in step.needs and (each.action is Action.DELETE) is deletes
    }


def _carry_out(step: Step, kinds: Mapping[str, Kind], events: Events, known: Known) -> Found | None:
    began = time.monotonic()
    events.started(step)
    try:
        result = _do(step, kinds[step.key.kind], known, lambda text: events.told(step, text))
    except BaseException as error:
        if isinstance(error, API_ERRORS):
            error = explained(f"The {step.key} could not be {_PAST[step.action]}", error)
        events.failed(step, error, time.monotonic() - began)
        raise error
    events.done(step, time.monotonic() - began)
    return result


def _do(step: Step, kind: Kind, known: Known, tell: Tell) -> Found | None:
    if step.action in (Action.DELETE, Action.REPLACE):
        assert step.found is not None  # noqa: S101  # only what was found is planned away
        kind.delete(step.found, tell)
    if step.action is Action.DELETE:
        return None
    assert step.wanted is not None  # noqa: S101  # all other steps bring something about
    if step.action is Action.CHANGE:
        assert step.found is not None  # noqa: S101
        return settle_patiently(kind, step.wanted, step.found, known, tell)
    made = create_once(kind, step.wanted, known)
    return settle_patiently(kind, step.wanted, made, known, tell)
