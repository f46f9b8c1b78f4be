"""The monitor, wherever it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.roles import common, exporters
from skytier.roles.monitor import alertmanager, prometheus
from skytier.roles.monitor.alertmanager import SMTP_PASSWORD, Receivers, Smtp
from skytier.roles.monitor.prometheus import Prometheus, Rules, Target
from skytier.roles.render import render
from skytier.roles.role import (
    PRIVATE,
    Check,
    File,
    IngressRule,
    Machine,
    MonitoringConfig,
    Setup,
    Topology,
)

ETC = "/etc/skytier/monitor"
PROMETHEUS, ALERTMANAGER = "127.0.0.1:9090", "127.0.0.1:9093"
"""Neither asks for a password, so only who is on the machine gets to them: by an SSH tunnel."""
STORAGE = Path("/var/lib/prometheus")
SHARE = 4
"""Prometheus gets at most one part in this many of the machine's memory, and Alertmanager a
third of that."""
LEAST_MIB = 192


class Monitor:
    """Prometheus asks all machines and decides what is an alert; Alertmanager tells people."""

    name = "monitor"
    public = False
    holds_data = ""
    units: Sequence[str] = ("prometheus", "prometheus-alertmanager")
    runs_application = False
    colocated_with = "web"
    metrics: Mapping[str, int] = {}

    def ingress_rules(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[IngressRule]:
        """SSH; what it holds is read through a tunnel.

        Not from the web servers by their group: that one lets the monitor's in, and of two groups
        one has to be there before the other.
        """
        return [IngressRule(22, PRIVATE)]

    def packages(self, topology: Topology, machine: Machine) -> Sequence[str]:
        """Both programs, on the machine that carries the monitor."""
        return self.units if machine == topology.monitor else []

    def setup(self, topology: Topology, machine: Machine) -> Setup:
        """Both programs where the monitor is; elsewhere they are stopped."""
        if machine != topology.monitor or topology.monitoring is None:
            return Setup([], "\n".join(map(exporters.stop, self.units)), [])
        monitoring = topology.monitoring
        values = _values(topology, machine, monitoring)
        return Setup(
            files=[File(path, text) for path, text in _files(topology, machine, values).items()],
            script=render("monitor", "setup.sh", **values),
            checks=[
                Check(name, render("monitor", "check-monitor.sh", **values, name=name))
                for name in self.units
            ],
            secrets=(SMTP_PASSWORD,) if monitoring.smtp_username else (),
        )


def targets(topology: Topology) -> list[Target]:
    """What is scraped: what each machine says that it tells, and the monitor itself."""
    found = [
        Target(job, f"{machine.address}:{port}", machine.name, machine.role)
        for machine in topology.machines
        for job, port in machine.metrics.items()
    ]
    if monitor := topology.monitor:
        for job, address in (("prometheus", PROMETHEUS), ("alertmanager", ALERTMANAGER)):
            found.append(Target(job, address, monitor.name, monitor.role))
    return found


def _values(
    topology: Topology, machine: Machine, monitoring: MonitoringConfig
) -> dict[str, object]:
    """What the templates of this role know."""
    memory_mib = max(LEAST_MIB, machine.memory_mib // SHARE)
    config, storage = Path(ETC), STORAGE
    return {
        "etc": ETC,
        "secrets": common.SECRETS,
        "mark": alertmanager.PASSWORD_MARK,
        "password": SMTP_PASSWORD if monitoring.smtp_username else "",
        "listen": {"prometheus": PROMETHEUS, "prometheus-alertmanager": ALERTMANAGER},
        "memory_mib": {
            "prometheus": memory_mib,
            "prometheus-alertmanager": max(64, memory_mib // 3),
        },
        "arguments": {
            "prometheus": prometheus.arguments(
                config / "prometheus.yml", storage / "metrics2", PROMETHEUS, monitoring.retention
            ),
            "prometheus-alertmanager": alertmanager.arguments(
                config / "private/alertmanager.yml", storage / "alertmanager", ALERTMANAGER
            ),
        },
    }


def _files(topology: Topology, machine: Machine, values: Mapping[str, object]) -> dict[str, str]:
    assert topology.monitoring  # noqa: S101  # else there are none
    monitoring = topology.monitoring
    rules = Rules(
        topology.stack,
        monitoring.latency_objective_ms,
        monitoring.currency,
        monitoring.cost_per_month,
        monitoring.budget_per_month,
    )
    configuration = Prometheus(topology.stack, targets(topology), Path(ETC, "rules"), ALERTMANAGER)
    return {
        f"{ETC}/prometheus.yml": prometheus.prometheus_yml(configuration),
        f"{ETC}/alertmanager.yml": alertmanager.alertmanager_yml(_receivers(monitoring)),
        **{f"{ETC}/rules/{name}": text for name, text in prometheus.rules(rules).items()},
        **{
            f"{common.UNITS}/{name}.service.d/skytier.conf": render(
                "monitor", "monitor.service.conf", **values, name=name
            )
            for name in Monitor.units
        },
    }


def _receivers(monitoring: MonitoringConfig) -> Receivers:
    if not monitoring.email:
        return Receivers(monitoring.webhook)
    sender = monitoring.smtp_from or monitoring.email
    smtp = Smtp(monitoring.smtp_server, sender, monitoring.smtp_username)
    return Receivers(monitoring.webhook, monitoring.email, smtp)


ROLE = Monitor()
