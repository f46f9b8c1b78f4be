"""Answers that take their time, asked for no more often than makes sense."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Fresh(Generic[Answer]):
    """The last answer while it is young enough, else a new one; one thread asks for all.

    An error is raised to whoever asked, and the next one asks again.
    """

    def __init__(self, ask: Callable[[], Answer], max_age_s: float) -> None:
        self._ask, self._max_age_s = ask, max_age_s
        self._lock = threading.Lock()
        self._last: tuple[float, Answer] | None = None

    def get(self) -> Answer:
        """Waits for whoever asks already."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > self._max_age_s:
                self._last = time.monotonic(), self._ask()
            return self._last[1]
