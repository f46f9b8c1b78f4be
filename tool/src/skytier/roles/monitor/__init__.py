"""The monitor: Prometheus and Alertmanager, for a stack on a cloud and for one on this machine."""
