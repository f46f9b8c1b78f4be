"""The web servers: Nginx in front of the application."""

from skytier.roles.role import Role
from skytier.services.application.service import APPLICATION
from skytier.services.nginx.service import EXPORTER, NGINX

WEB = Role(name="web", services=(APPLICATION, NGINX, EXPORTER), public=True, holds_secrets=True)
