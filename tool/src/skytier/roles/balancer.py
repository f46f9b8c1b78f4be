"""The balancers: HAProxy in front of several web servers, and an address that two of them share."""

from skytier.roles.role import Role
from skytier.services.haproxy.service import HAPROXY
from skytier.services.keepalived.service import KEEPALIVED

BALANCER = Role(name="balancer", services=(HAPROXY, KEEPALIVED), public=True, fronts="web")
