"""How many web servers there shall be, by the CPU that is in use on those that are there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from skytier.stackfile.automatic import Automatic

NOW_S = 300
"""More servers come by the mean of this time."""
LOOK_BACK_S = 900
"""One goes by the highest such mean of this time."""
STEP_S = 15
"""The time from one figure to the next."""
_TOLERANCE = 1.1
"""How far CPU may be above or below the aim before anything changes."""
_ENOUGH = 0.8
"""The share of the figures that has to be there: a scrape may fail."""


@dataclass(frozen=True)
class Decision:
    """A number of web servers, and why."""

    there: int
    """How many there are."""
    count: int
    """How many there should be."""
    why: str


class MissingFiguresError(Exception):
    """Web servers whose figures are missing, in words."""


def decide(
    wanted: Automatic,
    cpu: Mapping[str, Sequence[float]],
    seconds_since_change: float | None = None,
    in_rotation: Mapping[str, Sequence[float]] | None = None,
) -> Decision:
    """The number of web servers that the CPU in use asks for.

    `cpu` is each web server that there is, with its CPU in percent every STEP_S seconds, the newest
    last. `seconds_since_change` is how long ago the stack was changed; None where that is not
    known. `in_rotation` is above 0 at times at which a web server gets requests; None where nobody
    can say. One that gets none needs no CPU, so the others decide. Raises MissingFiguresError for
    the last figures; without earlier ones no web server goes.

    >>> decide(Automatic(min=1, max=9), {"web-1": [90.0] * 60, "web-2": [90.0] * 60}).count
    3
    """
    count = len(cpu)
    if not wanted.min <= count <= wanted.max:
        return Decision(
            count,
            wanted.nearest(count),
            f"web.count allows {wanted.min} to {wanted.max} web servers.",
        )
    wait_s = wanted.wait_minutes * 60
    if seconds_since_change is not None and seconds_since_change < wait_s:
        ago, wait = _minutes(seconds_since_change), _minutes(wait_s)
        return Decision(count, count, f"The stack was changed {ago} ago; the wait is {wait}.")
    in_rotation = {name: [1.0] for name in cpu} if in_rotation is None else in_rotation
    was_in = {name: in_rotation.get(name) or [0.0] for name in cpu}
    serving = {name: line for name, line in cpu.items() if was_in[name][-1]}
    if not serving:
        return Decision(count, count, "No web server gets requests, so no load is there.")
    out = [name for name in cpu if name not in serving]
    now = _mean(serving, 0)
    said = (
        f"{now:.0f}% of the CPU was in use in the last {_minutes(NOW_S)}; the aim is {wanted.cpu}%."
    )
    if out:
        said += f" Not counted, since they get no requests: {', '.join(out)}."
    if now > wanted.cpu * _TOLERANCE:
        more = min(math.ceil(len(serving) * now / wanted.cpu) + len(out), wanted.max)
        full = f" {count} is the largest number." if more == count else ""
        return Decision(count, more, said + full)
    if count == wanted.min:
        return Decision(count, count, said)
    since = _minutes(LOOK_BACK_S)
    if not all(all(line) for line in was_in.values()):
        return Decision(count, count, f"{said} None goes until all have got requests for {since}.")
    try:
        highest = max(_mean(cpu, before) for before in range(0, LOOK_BACK_S, NOW_S))
    except MissingFiguresError:
        # A new one has none for a while.
        return Decision(count, count, f"{said} None goes until there are figures of {since}.")
    # One at a time: what is left is seen to be enough before the next one goes.
    left = highest * count / (count - 1)
    if left * _TOLERANCE < wanted.cpu:
        return Decision(
            count, count - 1, f"{said} With one less it would have been {left:.0f}% at most."
        )
    return Decision(count, count, said)


def _mean(cpu: Mapping[str, Sequence[float]], before_s: int) -> float:
    """Of all web servers, over NOW_S, which ended some seconds ago."""
    wanted, end = NOW_S // STEP_S, before_s // STEP_S
    lines = {name: line[: len(line) - end][-wanted:] for name, line in cpu.items()}
    if short := [name for name, line in lines.items() if len(line) < wanted * _ENOUGH]:
        since = _minutes(before_s + NOW_S)
        raise MissingFiguresError(f"{', '.join(short)} in the last {since}")
    return fmean(fmean(line) for line in lines.values())


def _minutes(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
