"""Prometheus on the machine of the monitor."""

from pathlib import Path

from skytier.render import render
from skytier.services.patroni.secrets import AUTHORITY as PATRONI_AUTHORITY
from skytier.services.prometheus import config
from skytier.services.prometheus.config import AlertRules, PrometheusConfig, ScrapeTarget
from skytier.services.service import UNITS, Placement
from skytier.services.setup import Check, File, Setup
from skytier.services.watching import WatchingService
from skytier.topology import Machine, Topology

PACKAGE = "skytier.services.prometheus"
ETC = "/etc/skytier/monitor"
LISTEN, ALERTMANAGER = "127.0.0.1:9090", "127.0.0.1:9093"
"""Where it and Alertmanager listen. Neither asks for a password, so only who is on the machine gets
to them: by an SSH tunnel."""
AUTHORITY = "patroni-ca.crt"
"""The file in ETC with the authority of the certificates of the database members."""
STORAGE = Path("/var/lib/prometheus")
SHARE = 4
"""It gets at most one part in this many of the machine's memory."""
LEAST_MIB = 192


class PrometheusService(WatchingService):
    """It scrapes all machines and decides what is an alert."""

    name = unit = "prometheus"
    units = (unit,)

    def setup(self, at: Placement) -> Setup:
        """Its configuration and rules."""
        arguments = config.arguments(
            Path(ETC, "prometheus.yml"), STORAGE / "metrics2", LISTEN, at.stack.monitor.retention
        )
        found = targets(at.topology)
        # The members of the database tell theirs by TLS.
        by_tls = any(target.job == "patroni" for target in found)
        authority = PATRONI_AUTHORITY.certificate if by_tls else ""
        values = {"name": self.name, "etc": ETC, "listen": LISTEN, "authority": authority}
        conf = render(
            "skytier",
            "monitor.service.conf",
            **values,
            arguments=arguments,
            memory_mib=memory_mib(at.machine),
        )
        texts = {
            f"{ETC}/prometheus.yml": config.prometheus_yml(
                PrometheusConfig(
                    at.stack.name, found, Path(ETC, "rules"), ALERTMANAGER, Path(ETC, AUTHORITY)
                )
            ),
            **{f"{ETC}/rules/{name}": text for name, text in config.rules(_rules(at)).items()},
            f"{UNITS}/{self.name}.service.d/skytier.conf": conf,
        }
        return Setup(
            files=[File(path, text) for path, text in texts.items()],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[Check(self.name, render("skytier", "check-ready.sh", **values))],
            secrets=(authority,) if authority else (),
        )


def targets(topology: Topology) -> list[ScrapeTarget]:
    """What is scraped: the metrics of each machine, and the monitor itself."""
    found = [
        ScrapeTarget(job, f"{machine.address}:{port}", machine.name, machine.role)
        for machine in topology.machines
        for job, port in machine.metrics.items()
    ]
    if monitor := topology.monitor:
        for job, address in (("prometheus", LISTEN), ("alertmanager", ALERTMANAGER)):
            found.append(ScrapeTarget(job, address, monitor.name, monitor.role))
    return found


def memory_mib(machine: Machine) -> int:
    """What it may take of a machine's memory."""
    return max(LEAST_MIB, machine.memory_mib // SHARE)


def _rules(at: Placement) -> AlertRules:
    spending = at.topology.spending
    return AlertRules(
        at.stack.name,
        at.stack.monitor.latency_objective_ms,
        spending.currency,
        spending.per_month,
        spending.budget_per_month,
        has_database=bool(at.topology.running("postgresql")),
        has_balancer=bool(at.topology.running("haproxy")),
        has_cache=bool(at.topology.running("redis")),
        has_cache_members=bool(at.topology.running("sentinel")),
        has_backups=bool(at.topology.running("pgbackrest")),
        has_two_places=len(at.stack.backup.places) > 1,
        has_members=bool(at.topology.running("patroni")),
    )


PROMETHEUS = PrometheusService()
