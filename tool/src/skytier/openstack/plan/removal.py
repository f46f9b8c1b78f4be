"""Deleting all of a stack that is to go."""

import threading
import time
from collections.abc import Callable, Mapping

from skytier.deploy.apply import Events, apply
from skytier.deploy.kind import Found, Kind, Known, UnseenError
from skytier.deploy.plan import plan
from skytier.errors import SkytierError
from skytier.openstack.lock import Lock
from skytier.openstack.plan.kinds import RULES, find_all
from skytier.openstack.plan.object_store import stays
from skytier.openstack.plan.planned import Removal
from skytier.openstack.resources.creation import RepeatedCalls

STUCK_AFTER_S = 60.0
ROUND_S = 1.5


def removal(kinds: Mapping[str, Kind], lock: Lock, *, purge: bool) -> Removal:
    """What would be deleted, and what stays.

    Raises UnseenError when nothing is found, and the project may not list all.
    """
    unseen: list[UnseenError] = []
    there = find_all(kinds.values(), unseen)
    left = [text for each in there if (text := stays(each, purge=purge))]
    going = [each for each in there if not stays(each, purge=purge)]
    found = [step.found for step in plan([], going, RULES) if step.found]
    empty = not found and not lock.exists()
    if empty and unseen:
        raise unseen[0]
    return Removal(found, empty, left, purge)


def delete_all(
    kinds: Mapping[str, Kind],
    events: Events,
    lost: threading.Event,
    unseen: list[UnseenError],
    stay: Callable[[Found], object],
) -> bool:
    """Delete until nothing is found but what is to `stay`. Returns whether there was anything."""
    deadline, before = time.monotonic() + STUCK_AFTER_S, -1
    while found := [each for each in find_all(kinds.values(), unseen) if not stay(each)]:
        if len(found) != before:
            deadline, before = time.monotonic() + STUCK_AFTER_S, len(found)
        try:
            apply(plan([], found, RULES), kinds, events, Known(), lost, RepeatedCalls())
        except SkytierError:
            # What was let go of a moment ago is often still held for a moment.
            if time.monotonic() > deadline or lost.is_set():
                raise
        time.sleep(ROUND_S)
    return before > 0
