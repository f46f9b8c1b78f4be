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
    proxy_port: int
    """Where each web server leads to the primary of several members. The package of Redis starts a
    server at 127.0.0.1:6379 before it is set up."""
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

    @property
    def duty(self) -> str:
        """The file that says of one of several members whether it is the primary, as it starts."""
        return f"/run/{self.name}/duty.conf"


KEPT = Server(
    name="redis",
    unit="redis-server",
    port=6379,
    proxy_port=6389,
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
    proxy_port=6390,
    policy="allkeys-lru",
    persistent=False,
    # Frameworks clear a cache by it, and nothing is lost.
    allowed="+flushdb",
    share=0.40,
    credential="skytier_redis_cache_url",
)
"""For cached data: when its memory is full, the keys used least recently go."""
SERVERS: Sequence[Server] = (KEPT, CACHE)
REPLICA, SENTINEL = "replica", "sentinel"
"""The users of other members, and of Sentinel, in Redis."""
SENTINEL_PORT = 26379
SENTINEL_STATE = f"{DATA}/sentinel.conf"
"""What a Sentinel knows: who is the primary, and since which failover."""
SOCKET = "/run/skytier-sentinel/sentinel.sock"
"""Where the Sentinel of a machine answers on the machine itself."""
DUTY = "/usr/local/lib/skytier/redis-duty"
"""The program that asks the Sentinels who is the primary, and says so to a server that starts."""
HAND_OVER = "/usr/local/lib/skytier/redis-hand-over"
"""Makes another member the primary of a server: `redis-hand-over redis`."""
LAG_S = 5
"""A primary takes writes while a replica has said within this time that it follows."""
MEMBERS_VERSION = "7.0"
"""The first one whose users may have rules of their own for a command: several members need it."""
MEMBERS_SINCE = {"debian": (12,), "ubuntu": (24, 4)}
"""The first version of each distribution that has it."""
COLOCATED = 0.05
"""The share of each on a machine with other duties, which are promised most of its memory."""
LEAST_MIB = 16


def maxmemory_mib(server: Server, machines: Sequence[Machine]) -> int:
    """The memory for its keys: of several members the same, since each may become the primary.

    A third of a machine of its own is for the system, and for the copies that Redis needs while it
    writes its file anew.

    >>> machine = Machine("shop-cache-1", "cache", 1, "192.168.128.40", 2048, 1)
    >>> maxmemory_mib(KEPT, [machine]), maxmemory_mib(CACHE, [machine])
    (512, 819)
    """
    shares = [server.share if each.role == "cache" else COLOCATED for each in machines]
    least = min(each.memory_mib * share for each, share in zip(machines, shares, strict=True))
    return max(LEAST_MIB, int(least))
