"""A stack that is looked at again and again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from skytier.charts.chart import Chart
from skytier.errors import SkytierError
from skytier.metrics.live import Live
from skytier.metrics.picture import Picture, Place, picture
from skytier.metrics.source import Series, Source

FIRST_LOOK_S = 1.0
"""What the first rates are taken over where there is no Prometheus."""
LATELY_S, STEP_S = 600, 15
"""How far back `lately` goes, in which steps."""


@dataclass
class View:
    """A stack with its machines, and whoever knows how they do now."""

    stack: str
    cloud: str | None
    places: Sequence[Place]
    choose: Callable[[], tuple[Source, str]]
    """Finds a source that answers now, and says why it is not the monitor (or nothing)."""

    def __post_init__(self) -> None:
        self._take()

    def pictures(self, times: int | None, every_s: float) -> Iterator[Picture]:
        """So many pictures (None: for ever), one `every_s` seconds.

        When the source is away another one is chosen. Raises SkytierError when there is none.
        """
        shown = 0
        while True:
            yield self._picture()
            shown += 1
            if shown == times:
                return
            time.sleep(every_s)

    def lately(self, chart: Chart) -> list[Series]:
        """A chart over the last minutes; nothing when it cannot be had."""
        now = time.time()
        with suppress(SkytierError):
            return self._source.series(chart, now - LATELY_S, now, STEP_S)
        return []

    def _take(self) -> None:
        self._source, self._note = self.choose()
        if isinstance(self._source, Live):
            self._source.look()
            time.sleep(FIRST_LOOK_S)

    def _picture(self) -> Picture:
        try:
            return self._look()
        except SkytierError:
            self._take()
            return self._look()

    def _look(self) -> Picture:
        if isinstance(self._source, Live):
            self._source.look()
        notes = [self._note] if self._note else []
        return picture(self.stack, self.cloud, self.places, self._source, time.time(), notes)
