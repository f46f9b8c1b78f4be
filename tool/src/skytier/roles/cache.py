"""The cache: Redis on a machine of its own, or else on the first web server."""

from skytier.roles.role import Role
from skytier.services.redis.service import EXPORTER, REDIS

CACHE = Role(name="cache", services=(REDIS, EXPORTER), colocated_with=("web",), single=True)
