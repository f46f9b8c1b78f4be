"""Waiting for something, no longer than is sensible."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(ask: Callable[[], Found], timeout_s: float, every_s: float = 0.1) -> Found:
    """Ask until the answer is true, at most `timeout_s` seconds. Returns the last answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return answer
