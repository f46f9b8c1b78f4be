"""The charts of all services.

`skytier top`, the history of this machine, the dashboard, reports, exports and Grafana's dashboards
all take them from here. Targets carry the labels `job` (node, postgres, nginx, haproxy, redis,
redis-cache, application), `stack`, `machine` and `role`.
"""

from skytier.services.application import charts as application
from skytier.services.exporters import charts as exporters
from skytier.services.haproxy import charts as haproxy
from skytier.services.nginx import charts as nginx
from skytier.services.postgresql import charts as postgresql
from skytier.services.prometheus import charts as prometheus
from skytier.services.redis import charts as redis

CHARTS = (
    *exporters.MACHINES,
    *application.CHARTS,
    *haproxy.CHARTS,
    *nginx.CHARTS,
    *postgresql.CHARTS,
    *redis.CHARTS,
    *prometheus.CHARTS,
)
"""In the order in which they are shown."""
BY_ID = {chart.id: chart for chart in CHARTS}
