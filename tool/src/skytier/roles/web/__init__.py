"""The web role: Nginx in front of the application."""

from skytier.roles.web.nginx import NginxConfig, Tls, nginx_conf
from skytier.roles.web.role import ROLE

__all__ = ["ROLE", "NginxConfig", "Tls", "nginx_conf"]
