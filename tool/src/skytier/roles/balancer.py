"""The balancer: HAProxy in front of several web servers."""

from skytier.roles.role import Role
from skytier.services.haproxy.service import HAPROXY

BALANCER = Role(name="balancer", services=(HAPROXY,), public=True, fronts="web", single=True)
