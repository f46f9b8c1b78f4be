"""Sentinel beside each member of Redis: they agree which member is the primary."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.redis.secrets import MEMBER_PASSWORD, MONITOR_PASSWORD, PASSWORD
from skytier.services.redis.servers import (
    CACHE,
    DATA,
    DUTY,
    HAND_OVER,
    KEPT,
    SENTINEL_PORT,
    SENTINEL_STATE,
    SERVERS,
    SOCKET,
)
from skytier.services.redis.servers import SENTINEL as USER
from skytier.services.redis.service import ETC, MONITOR
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Need

PACKAGE = "skytier.services.sentinel"
UNIT = "skytier-sentinel"
LEAVE = "/usr/local/lib/skytier/redis-leave"
"""Hands over, stops what there is of Redis, and has the other Sentinels forget this member."""
PROMOTE = "/usr/local/lib/skytier/redis-promote"
"""For an operator: makes this member the primary where too few Sentinels are left to agree."""
QUORUM = 2
DOWN_AFTER_MS = 3000
"""A primary that says nothing for so long is taken for lost, if two of three say so."""
FAILOVER_TIMEOUT_MS = 20_000
"""After a failover that did not succeed, the next one begins after twice this time."""


class Sentinel(Service):
    """It watches both servers of Redis on all members."""

    name = "sentinel"
    units = (UNIT,)

    def enabled(self, stack: StackFile) -> bool:
        """If Redis has several members."""
        return stack.cache.replicated

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The members, and the other Sentinels."""
        return [Need("redis"), Need("sentinel")]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """For the other Sentinels, and for clients that ask who is the primary."""
        return [Endpoint("sentinel", SENTINEL_PORT, Exposure.CONSUMERS)]

    def setup(self, at: Placement) -> Setup:
        """It keeps what it knows: a failover stays as it is."""
        members = at.needed(Need("sentinel"))
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "data": DATA,
            "unit": UNIT,
            "name": at.machine.name,
            "address": at.machine.address,
            "network": at.stack.cidr,
            "port": SENTINEL_PORT,
            "members": members,
            "others": [each for each in members if each.name != at.machine.name],
            "founder": _founder(at),
            "servers": SERVERS,
            "kept": KEPT,
            "cache": CACHE,
            "state": SENTINEL_STATE,
            "socket": SOCKET,
            "duty": DUTY,
            "hand_over": HAND_OVER,
            "leave": LEAVE,
            "promote": PROMOTE,
            "user": USER,
            "monitor": MONITOR,
            "password": PASSWORD,
            "member_password": MEMBER_PASSWORD,
            "monitor_password": MONITOR_PASSWORD,
            "quorum": QUORUM,
            "down_after_ms": DOWN_AFTER_MS,
            "failover_timeout_ms": FAILOVER_TIMEOUT_MS,
        }
        texts = {
            f"{ETC}/sentinel.conf": "sentinel.conf",
            f"{UNITS}/{UNIT}.service": f"{UNIT}.service",
        }
        programs = {
            DUTY: "redis-duty.sh",
            HAND_OVER: "redis-hand-over.sh",
            LEAVE: "redis-leave.sh",
            PROMOTE: "redis-promote.sh",
            f"{REMOVALS}/60-sentinel": "removal.sh",
        }
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                *(
                    File(path, render(PACKAGE, name, **values), 0o700)
                    for path, name in programs.items()
                ),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            # In the turns from one server to three, the others come later.
            checks=[check(PACKAGE, "sentinel", values, outside=True)],
            secrets=(PASSWORD, MEMBER_PASSWORD, MONITOR_PASSWORD),
        )


def _founder(at: Placement) -> str:
    """The address of the first primary: of the member whose machine had the only Redis before."""
    role, number = at.stack.cache_members[0]
    return next(each.address for each in at.topology.of(role) if each.number == number)


SENTINEL = Sentinel()
