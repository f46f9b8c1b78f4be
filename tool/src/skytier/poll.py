"""Waiting for something, no longer than is sensible."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(
    ask: Callable[[], Found],
    timeout_s: float,
    every_s: float | Callable[[float], float] = 0.1,
) -> Found:
    """Ask until the answer is true, at most `timeout_s` seconds. Returns the last answer.

    `every_s` may go by the seconds that were waited already.
    """
    began = time.monotonic()
    while not (answer := ask()) and (waited_s := time.monotonic() - began) < timeout_s:
        time.sleep(every_s(waited_s) if callable(every_s) else every_s)
    return answer
