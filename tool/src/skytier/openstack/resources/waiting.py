"""Waiting for the cloud."""

from collections.abc import Callable
from typing import TypeVar

from skytier.errors import SkytierError
from skytier.poll import until

POLL_S = 1.0
LONGEST_POLL_S = 5.0
ACTIVE_TIMEOUT_S = 900.0
"""How long Nova may take for a server."""
T = TypeVar("T")


def poll_s(waited_s: float) -> float:
    """The seconds until the next look: a tenth of those that were waited, within bounds.

    Each look is work for the cloud, and whoever waits for a minute does not notice some seconds.

    >>> poll_s(0), poll_s(30), poll_s(600)
    (1.0, 3.0, 5.0)
    """
    return min(max(POLL_S, waited_s / 10), LONGEST_POLL_S)


def wait_for(what: str, ask: Callable[[], T], timeout_s: float, do: str) -> T:
    """Ask again and again until the answer is true. Raises SkytierError after `timeout_s`."""
    answer = until(ask, timeout_s, poll_s)
    if not answer:
        raise SkytierError(f"{what} within {timeout_s:.0f} s.", do)
    return answer
