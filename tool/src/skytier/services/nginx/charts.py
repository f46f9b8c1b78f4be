"""What Nginx shows of itself."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import rate, total

_MACHINE = ("machine",)

CHARTS = (
    Chart(
        "nginx_connections",
        "Connections",
        Group.NGINX,
        Unit.COUNT,
        total("nginx_connections_active", _MACHINE),
    ),
    Chart(
        "nginx_requests_per_s",
        "Requests",
        Group.NGINX,
        Unit.PER_S,
        rate("nginx_http_requests_total", _MACHINE),
    ),
)
