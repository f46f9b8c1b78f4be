"""A source that may go away and come back while somebody looks at it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import httpx

from skytier.charts.chart import Chart
from skytier.errors import SkytierError
from skytier.metrics.source import Alert, Mark, Series, Source

AGAIN_AFTER_S = 5.0
"""How long a failure to open it is taken for granted: many who ask do not each wait for another."""

_Answer = TypeVar("_Answer")


class Reopened:
    """Opens a source when it is asked, and anew after it was lost. Threads may share it.

    It raises what opening and asking raise: SkytierError.
    """

    def __init__(self, open_source: Callable[[], AbstractContextManager[Source]]) -> None:
        self._open_source = open_source
        self._lock = threading.Lock()
        self._way = ExitStack()
        self._source: Source | None = None
        self._failed: tuple[float, SkytierError] | None = None

    @property
    def name(self) -> str:
        """What it is, once it was opened."""
        return self._source.name if self._source else "nothing yet"

    def series(self, chart: Chart, start: float, end: float, step_s: float) -> list[Series]:
        """As the source answers."""
        return self._ask(lambda source: source.series(chart, start, end, step_s))

    def latest(self, chart: Chart) -> list[Series]:
        """As the source answers."""
        return self._ask(lambda source: source.latest(chart))

    def alerts(self) -> list[Alert]:
        """As the source answers."""
        return self._ask(lambda source: source.alerts())

    def releases(self, start: float, end: float) -> list[Mark]:
        """As the source answers."""
        return self._ask(lambda source: source.releases(start, end))

    def close(self) -> None:
        """Let go of it, and of the way to it."""
        self._lose(self._source)

    def _ask(self, ask: Callable[[Source], _Answer]) -> _Answer:
        source = self._opened()
        try:
            return ask(source)
        except SkytierError as error:
            # A question that it refused says nothing about the way to it.
            if isinstance(error.__cause__, httpx.HTTPError):
                self._lose(source)
            raise

    def _lose(self, source: Source | None) -> None:
        with self._lock:
            if self._source is source:  # not one that another thread has opened since
                self._source = None
                self._way.close()

    def _opened(self) -> Source:
        with self._lock:
            if self._source is None:
                self._refuse_soon()
                try:
                    self._source = self._way.enter_context(self._open_source())
                except SkytierError as error:
                    self._failed = time.monotonic(), error
                    raise
            return self._source

    def _refuse_soon(self) -> None:
        if self._failed and time.monotonic() - self._failed[0] < AGAIN_AFTER_S:
            raise SkytierError(self._failed[1].what, self._failed[1].do)


@contextmanager
def reopened(open_source: Callable[[], AbstractContextManager[Source]]) -> Iterator[Reopened]:
    """One that is closed at the end."""
    source = Reopened(open_source)
    try:
        yield source
    finally:
        source.close()
