"""Waiting for what a test needs, as long as a busy machine may take."""

from collections.abc import Callable

from skytier.poll import until


def wait_until(condition: Callable[[], object], timeout_s: float = 120) -> None:
    """Poll until the condition holds. Fails when it does not."""
    assert until(condition, timeout_s, 0.01), f"not within {timeout_s} s: {condition}"
