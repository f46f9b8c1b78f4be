"""HAProxy on each web server: the way to the primary of Redis."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.postgresql.config import LOOPBACK
from skytier.services.redis.secrets import AUTHORITY, MONITOR_PASSWORD
from skytier.services.redis.servers import SERVERS
from skytier.services.redis.service import MONITOR
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Need

PACKAGE = "skytier.services.redis_proxy"
ETC = "/etc/skytier/redis-proxy"
UNIT = "skytier-redis-proxy"


class RedisProxy(Service):
    """It asks each member whether it is the primary, and leads connections there."""

    name = "redis-proxy"
    units = (UNIT,)

    def enabled(self, stack: StackFile) -> bool:
        """If Redis has several members."""
        return stack.cache.replicated

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The members."""
        return [Need("redis")]

    def packages(self, at: Placement) -> Sequence[str]:
        """HAProxy."""
        return ["haproxy"]

    def setup(self, at: Placement) -> Setup:
        """Its own unit with its own configuration."""
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "authority": AUTHORITY.certificate,
            "monitor": MONITOR,
            "monitor_password": MONITOR_PASSWORD,
            "unit": UNIT,
            "host": LOOPBACK,
            "members": at.needed(Need("redis")),
            "servers": SERVERS,
        }
        texts = {
            f"{ETC}/haproxy.cfg": "haproxy.cfg",
            f"{UNITS}/{UNIT}.service": "redis-proxy.service",
        }
        removal = render(PACKAGE, "removal.sh", **values)
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                File(f"{REMOVALS}/62-redis-proxy", removal, 0o700),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            # In the turns from one server to three, the members come later.
            checks=[check(PACKAGE, "redis-proxy", values, outside=True)],
            secrets=(AUTHORITY.certificate, MONITOR_PASSWORD),
        )


REDIS_PROXY = RedisProxy()
