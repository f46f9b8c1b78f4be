"""The cache: Redis on its own machine, on the first web server, or on three that are there."""

from skytier.roles.role import Role
from skytier.services.redis.service import EXPORTER, REDIS
from skytier.services.sentinel.service import SENTINEL

CACHE = Role(
    name="cache",
    services=(REDIS, SENTINEL, EXPORTER),
    colocated_with=("web",),
    members=lambda stack: stack.cache_members,
    single=True,
)
