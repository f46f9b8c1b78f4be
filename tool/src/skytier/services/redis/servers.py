"""The two Redis servers of a machine. One server has one policy for all of its databases."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.topology import Machine

DATA = "/var/lib/redis"


@dataclass(frozen=True)
class Server:
    """A Redis server."""

    name: str
    """Of its files, of the directory in /run with its socket, and of the job with its metrics."""
    unit: str
    port: int
    policy: str
    """What it does when its memory is full: Redis' `maxmemory-policy`."""
    persistent: bool
    """Whether its keys outlive a restart."""
    allowed: str
    """Commands that the application may use besides the harmless ones, in the words of an ACL."""
    share: float
    """Of the memory of a machine of its own."""
    credential: str
    """The file with its address in the directory of the application's secrets."""

    @property
    def socket(self) -> str:
        """Where it answers on the machine itself."""
        return f"/run/{self.name}/redis.sock"


KEPT = Server(
    name="redis",
    unit="redis-server",
    port=6379,
    policy="noeviction",
    persistent=True,
    allowed="",
    share=0.25,
    credential="skytier_redis_url",
)
"""For sessions, limits and queues: no key is evicted. When its memory is full, writes fail."""
CACHE = Server(
    name="redis-cache",
    unit="redis-server@cache",
    port=6380,
    policy="allkeys-lru",
    persistent=False,
    # Frameworks clear a cache by it, and nothing is lost.
    allowed="+flushdb",
    share=0.40,
    credential="skytier_redis_cache_url",
)
"""For cached data: when its memory is full, the keys used least recently go."""
SERVERS: Sequence[Server] = (KEPT, CACHE)
COLOCATED = 0.05
"""The share of each on a machine with other duties, which are promised most of its memory."""
LEAST_MIB = 16


def maxmemory_mib(server: Server, machine: Machine) -> int:
    """The memory for its keys.

    A third of a machine of its own is for the system, and for the copies that Redis needs while it
    writes its file anew.

    >>> machine = Machine("shop-cache-1", "cache", 1, "192.168.128.40", 2048, 1)
    >>> maxmemory_mib(KEPT, machine), maxmemory_mib(CACHE, machine)
    (512, 819)
    """
    share = server.share if machine.role == "cache" else COLOCATED
    return max(LEAST_MIB, int(machine.memory_mib * share))
