"""The keys of the section [cache]: Redis for the application.

The text below a key is its documentation.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import model_validator

from skytier.stackfile.machines import MachineSection
from skytier.stackfile.section import contradiction, key

MEMBERS = 3
"""Three can agree without one of them."""


class CacheSection(MachineSection):
    """The cache: Redis for the application, on a machine of its own or beside others."""

    kind: Literal["none", "redis"] = key("none", '"none" or "redis"')
    """With "redis" the application gets REDIS_URL, where no key is evicted (sessions, limits,
    queues), and REDIS_CACHE_URL, where the keys used least recently are evicted when its memory is
    full."""
    colocated: bool = key(False, "true or false", strict=True)
    """Whether Redis runs on the first web server, without a machine of its own. Then `flavor`,
    `image` and `packages` are ignored, and it gets little memory."""
    members: Literal[1, 3] = key(1, "1 or 3")
    """The number of machines with Redis. Three are balancers and web servers that are there anyway,
    as with `colocated`: one of them is the primary, and another one takes over when it is lost
    (Redis Sentinel). Then `flavor`, `image` and `packages` are ignored."""

    @property
    def enabled(self) -> bool:
        """Whether the stack has Redis."""
        return self.kind == "redis"

    @property
    def replicated(self) -> bool:
        """Whether Redis has several members."""
        return self.enabled and self.members > 1

    @property
    def machines(self) -> int:
        """How many machines there are of this role."""
        return int(self.enabled and not self.colocated and not self.replicated)

    @model_validator(mode="after")
    def _fits_together(self) -> "CacheSection":
        if self.colocated and not self.enabled:
            raise contradiction("cache.colocated", 'is true, which needs cache.kind = "redis"')
        if self.members > 1 and not self.enabled:
            raise contradiction(
                "cache.members", f'is {self.members}, which needs cache.kind = "redis"'
            )
        if self.members > 1 and self.colocated:
            raise contradiction(
                "cache.colocated", f"is true, and cache.members is {self.members}: leave one out"
            )
        return self


def members_on(balancers: int, web_servers: int) -> Sequence[tuple[str, int]]:
    """Role and number of the machines that Redis has its members on: three, or all there are.

    The first web server comes first, since a colocated Redis was there before. The next are those
    that stay longest when web servers are scaled in: a balancer, then the second web server.

    >>> members_on(balancers=1, web_servers=4)
    [('web', 1), ('balancer', 1), ('web', 2)]
    """
    preferred = [
        ("web", 1),
        ("balancer", 1),
        ("web", 2),
        ("balancer", 2),
        *(("web", number) for number in range(3, web_servers + 1)),
    ]
    there = {"balancer": balancers, "web": web_servers}
    return [place for place in preferred if place[1] <= there[place[0]]][:MEMBERS]
