"""Waiting with a bound."""

import time
from collections.abc import Callable

from devcloud.errors import DevcloudError

PATIENCE_S = 300
"""How long a service may take to start. On a busy machine of two cores it took two minutes."""


def until(condition: Callable[[], object], what: str, timeout_s: float, do: str) -> None:
    """Poll until the condition holds.

    Raises DevcloudError that names `what` and the next step `do` after `timeout_s` seconds.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise DevcloudError(f"{what}: not within {timeout_s:.0f} s.", do)
        time.sleep(0.2)
