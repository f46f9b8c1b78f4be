"""What HAProxy shows of itself."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import largest, rate, total

_MACHINE, _SERVER = ("machine",), ("server",)
_WEB = {"proxy": "web"}

IN_ROTATION = Chart(
    "balancer_server_up",
    "Gets requests",
    Group.BALANCER,
    Unit.COUNT,
    # Of two balancers one is enough. One that is drained is not UP.
    largest("haproxy_server_status", _SERVER, {**_WEB, "state": "UP"}),
)

CHARTS = (
    Chart(
        "balancer_requests_per_s",
        "Requests by web server",
        Group.BALANCER,
        Unit.PER_S,
        rate("haproxy_server_http_responses_total", _SERVER, _WEB),
    ),
    Chart(
        "balancer_servers",
        "Web servers that get requests",
        Group.BALANCER,
        Unit.COUNT,
        total("haproxy_server_status", _MACHINE, {"proxy": "web", "state": "UP"}),
    ),
    Chart(
        "balancer_connections",
        "Connections of visitors",
        Group.BALANCER,
        Unit.COUNT,
        total("haproxy_frontend_current_sessions", _MACHINE, {"proxy": "visitors"}),
    ),
)
