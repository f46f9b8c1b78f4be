"""The web servers: Nginx in front of the application."""

from skytier.roles.role import Role
from skytier.services.application.service import APPLICATION
from skytier.services.database_proxy.service import DATABASE_PROXY
from skytier.services.nginx.service import EXPORTER, NGINX
from skytier.services.redis_proxy.service import REDIS_PROXY

WEB = Role(
    name="web",
    services=(DATABASE_PROXY, REDIS_PROXY, APPLICATION, NGINX, EXPORTER),
    public=True,
    holds_secrets=True,
)
