"""The keys of the section [cache]: Redis for the application.

The text below a key is its documentation.
"""

from typing import Literal

from pydantic import model_validator

from skytier.stackfile.machines import MachineSection
from skytier.stackfile.section import contradiction, key


class CacheSection(MachineSection):
    """The cache: Redis for the application, on a machine of its own or beside others."""

    kind: Literal["none", "redis"] = key("none", '"none" or "redis"')
    """With "redis" the application gets REDIS_URL, where no key is evicted (sessions, limits,
    queues), and REDIS_CACHE_URL, where the keys used least recently are evicted when its memory is
    full."""
    colocated: bool = key(False, "true or false", strict=True)
    """Whether Redis runs on the first web server, without a machine of its own. Then `flavor`,
    `image` and `packages` are ignored, and it gets little memory."""

    @property
    def enabled(self) -> bool:
        """Whether the stack has Redis."""
        return self.kind == "redis"

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return int(self.enabled and not self.colocated)

    @model_validator(mode="after")
    def _fits_together(self) -> "CacheSection":
        if self.colocated and not self.enabled:
            raise contradiction("cache.colocated", 'is true, which needs cache.kind = "redis"')
        return self
