"""Waiting for the cloud."""

from collections.abc import Callable
from typing import TypeVar

from skytier.errors import SkytierError
from skytier.poll import until

POLL_S = 1.0
ACTIVE_TIMEOUT_S = 900.0
"""How long Nova may take for a server."""
T = TypeVar("T")


def wait_for(what: str, ask: Callable[[], T], timeout_s: float, do: str) -> T:
    """Ask each second until the answer is true. Raises SkytierError after `timeout_s`."""
    answer = until(ask, timeout_s, POLL_S)
    if not answer:
        raise SkytierError(f"{what} within {timeout_s:.0f} s.", do)
    return answer
