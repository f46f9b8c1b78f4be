"""HAProxy on each web server: the way to the primary of Redis."""

from collections.abc import Sequence

from skytier.services.member_proxy import MemberProxy
from skytier.services.postgresql.config import LOOPBACK
from skytier.services.redis.secrets import AUTHORITY, MONITOR_PASSWORD
from skytier.services.redis.servers import SERVERS
from skytier.services.redis.service import MONITOR
from skytier.services.service import Placement, check
from skytier.services.setup import Setup
from skytier.stackfile import StackFile
from skytier.topology import Need

PACKAGE = "skytier.services.redis_proxy"
UNIT = "skytier-redis-proxy"


class RedisProxy(MemberProxy):
    """It asks each member whether it is the primary, and leads connections there."""

    name = "redis-proxy"
    units = (UNIT,)
    package = PACKAGE
    what = "Redis"
    credential = "skytier_redis_sentinels"
    order = 62

    def enabled(self, stack: StackFile) -> bool:
        """If Redis has several members."""
        return stack.cache.replicated

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The members."""
        return [Need("redis")]

    def setup(self, at: Placement) -> Setup:
        """The way to the primary of each of its two servers."""
        values = {
            "monitor": MONITOR,
            "monitor_password": MONITOR_PASSWORD,
            "unit": UNIT,
            "host": LOOPBACK,
            "members": at.needed(Need("redis")),
            "servers": SERVERS,
        }
        # In the turns from one server to three, the members come later.
        asked = check(PACKAGE, self.name, values, outside=True)
        secrets = [AUTHORITY.certificate, MONITOR_PASSWORD]
        return self.made(values, asked, secrets, beside=[f"{self.etc}/password.cfg"])


REDIS_PROXY = RedisProxy()
