"""The monitor role: Prometheus and Alertmanager, on a web server or on a machine of their own."""

from skytier.roles.monitor.role import ROLE

__all__ = ["ROLE"]
