"""The skyline: posts a day as a row of bars, at the top of every page."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from skytier_app.database import DatabaseUnavailable, Reader
from skytier_app.metrics.figures import looked_up
from skytier_app.stats import queries

KEEP_S = 60
HEIGHT = 24
STEP = 8
WIDTH = 6


@dataclass(frozen=True)
class Skyline:
    """Bars as (x, y, height) in a picture of `width` by HEIGHT."""

    bars: Sequence[tuple[int, int, int]]
    total: int
    most: int
    width: int


def draw(posts: Sequence[int]) -> Skyline:
    """The skyline of the posts of each day: the best day is HEIGHT high, a day without posts 1."""
    most = max(posts, default=0)
    heights = [max(1, round(HEIGHT * n / most)) if most else 1 for n in posts]
    bars = [(STEP * i, HEIGHT - height, height) for i, height in enumerate(heights)]
    return Skyline(bars, sum(posts), most, STEP * len(posts) - (STEP - WIDTH))


class SkylineCache:
    """Keeps the skyline for a minute: it stands on every page, and changes slowly."""

    def __init__(self) -> None:
        self.kept = draw([0] * queries.DAYS)
        self._until = 0.0

    async def get(self, database: Reader) -> Skyline:
        """The skyline of the last 30 days; the last one known when the database is away."""
        now = time.monotonic()
        kept = now < self._until
        looked_up("skyline", kept)
        if not kept:
            self._until = now + KEEP_S  # set first: those who come meanwhile take the old one
            try:
                rows = await queries.posts_per_day(database)
                self.kept = draw([row["posts"] for row in rows])
            except DatabaseUnavailable:
                self._until = 0.0
        return self.kept
