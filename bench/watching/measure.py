"""What watching takes at rest, and what it takes from visitors."""

import time
from dataclasses import dataclass

from bench.speed import load
from bench.speed.work import Request
from bench.watching.watched import Parts, Used, Watched
from skytier.errors import SkytierError

REST_PERCENT = 10
"""Of one core: an idle Prometheus takes a fifth of that even under emulation."""
SETTLE_S = 1
VISIT = [Request("/api/posts?limit=10")]


@dataclass(frozen=True)
class Round:
    """Requests a second: with watching, without, again without, and again with it."""

    rps: tuple[float, float, float, float]

    @property
    def ratio(self) -> float:
        """With watching to without. What grows or shrinks steadily falls on both alike."""
        first, without, again, last = self.rps
        return (first + last) / (without + again)

    @property
    def noise(self) -> float:
        """How far the two halves without watching are apart, of their mean."""
        _, without, again, _ = self.rps
        return abs(without - again) / ((without + again) / 2)


def rest(stack: Watched, over_s: float, patience_s: float) -> None:
    """Wait until Prometheus answers and has come to rest. Raises SkytierError if it does not."""
    deadline = time.monotonic() + patience_s
    while True:
        taken = {part: each.cpu_s for (_, part), each in taken_over(stack, over_s).items()}
        if stack.answers() and taken.get("prometheus", REST_PERCENT) < REST_PERCENT:
            return
        if time.monotonic() > deadline:
            raise SkytierError(
                f"Prometheus does not come to rest: {taken.get('prometheus', 0):.0f}% of a core.",
                "Begin when nobody visits and nothing else runs on the machine.",
            )


def taken_over(stack: Watched, seconds: float) -> Parts:
    """What each part takes for a time: `cpu_s` is percent of a core here."""
    before, began = stack.used(), time.monotonic()
    time.sleep(seconds)
    after, passed = stack.used(), time.monotonic() - began
    return {
        place: Used(100 * (now.cpu_s - before[place].cpu_s) / passed, now.mib)
        for place, now in after.items()
        if place in before
    }


def rounds(stack: Watched, count: int, seconds: float, connections: int) -> list[Round]:
    """Visit in turns. Raises SkytierError when a request fails."""
    load.run(stack.address, VISIT, connections, seconds)  # to warm up: it counts for nothing
    found = []
    for _ in range(count):
        try:
            first = _visit(stack, seconds, connections)
            stack.freeze()
            without = [_visit(stack, seconds, connections) for _ in range(2)]
        finally:
            stack.thaw()
        last = _visit(stack, seconds, connections)
        found.append(Round((first, *without, last)))  # type: ignore[arg-type]
    return found


def _visit(stack: Watched, seconds: float, connections: int) -> float:
    time.sleep(SETTLE_S)
    slice_ = load.run(stack.address, VISIT, connections, seconds)
    if slice_.failed:
        raise SkytierError(
            f"{slice_.failed} requests to {stack.address} failed.", "Look at it: skytier status"
        )
    return slice_.rps
