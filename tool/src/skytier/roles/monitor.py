"""The monitor: on a machine of its own, or else on the first web server."""

from skytier.roles.role import Role
from skytier.services.alertmanager.service import ALERTMANAGER
from skytier.services.prometheus.service import PROMETHEUS

MONITOR = Role(
    name="monitor", services=(PROMETHEUS, ALERTMANAGER), colocated_with=("web",), single=True
)
