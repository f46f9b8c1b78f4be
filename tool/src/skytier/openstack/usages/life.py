"""A server's life, put together from what it is now and what was done to it. Asks nobody."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

STATES = {
    "create": "active",
    "start": "active",
    "reboot": "active",
    "resume": "active",
    "unpause": "active",
    "unshelve": "active",
    "restore": "active",
    "stop": "stopped",
    "suspend": "suspended",
    "pause": "paused",
    "shelve": "shelved_offloaded",
    "shelveOffload": "shelved_offloaded",
}
"""Nova's vm_state after an action, by the action's name. All other actions leave it as it was.

Nova takes what was shelved off its host by itself, at once or after a while that nobody is told.
"""


@dataclass(frozen=True)
class Size:
    """A flavor as a server got it: what is done to the flavor later does not change it."""

    flavor: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    """The root disk and the ephemeral one together."""


@dataclass(frozen=True)
class ServerAction:
    """What was done to a server."""

    name: str
    """As Nova calls it: `create`, `stop`, `confirmResize`."""
    at: datetime
    """When it was done; where the cloud does not say that, when it was asked for."""
    failed: bool = False


@dataclass(frozen=True)
class Stretch:
    """A time in which the server was the same."""

    start: datetime
    end: datetime
    state: str
    size: Size
    guessed: bool = False
    """Whether the size is the one that it has now, because nobody knows the one of that time."""


def stretches(
    launched_at: datetime,
    ended_at: datetime,
    size: Size,
    actions: Iterable[ServerAction],
    first_size: Size | None = None,
) -> list[Stretch]:
    """The stretches of a life, one after another without a gap.

    `size` is the last one and `first_size` the one it was created with, where that is known.
    `launched_at` is Nova's, which moves when a server is resized, rebuilt or unshelved: the life
    begins when its creation was done, if that was earlier.
    """
    done = sorted((each for each in actions if not each.failed), key=lambda each: each.at)
    born = min([launched_at, *(each.at for each in done if each.name == "create")])
    sizes = _sizes(done, size, first_size)
    found = [Stretch(born, ended_at, "active", *sizes[0])]
    for action, (after, guessed) in zip(done, sizes[1:], strict=True):
        before = found[-1]
        state = STATES.get(action.name, before.state)
        if (state, after, guessed) == (before.state, before.size, before.guessed):
            continue
        at = min(max(action.at, born), ended_at)
        found[-1] = replace(before, end=at)
        found.append(Stretch(at, ended_at, state, after, guessed))
    return [each for each in found if each.start < each.end]


def _sizes(done: Sequence[ServerAction], last: Size, first: Size | None) -> list[tuple[Size, bool]]:
    """The size before the first action and after each, and whether it is a guess."""
    numbers = [0, *_numbers(done)]
    known = {0: first, numbers[-1]: last}
    return [(size, False) if (size := known.get(number)) else (last, True) for number in numbers]


def _numbers(done: Sequence[ServerAction]) -> Iterator[int]:
    """Which of its sizes a server has after each action; a reverted resize gives the old one."""
    now = newest = before = 0
    for action in done:
        if action.name == "resize":
            before, newest = now, newest + 1
            now = newest
        elif action.name == "migrate":
            before = now
        elif action.name == "revertResize":
            now = before
        yield now
