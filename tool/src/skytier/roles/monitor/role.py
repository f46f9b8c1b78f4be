"""The monitor, wherever it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.roles import common, exporters
from skytier.roles.monitor import alertmanager, prometheus
from skytier.roles.monitor.alertmanager import SMTP_PASSWORD, Receivers, Smtp
from skytier.roles.monitor.prometheus import Prometheus, Rules, Target
from skytier.roles.render import render
from skytier.roles.role import PRIVATE, Check, File, Machine, Opening, Setup, Site, Watching

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
    keeps = ""
    units: Sequence[str] = ("prometheus", "prometheus-alertmanager")
    runs_application = False
    lodges_with = "web"
    metrics: Mapping[str, int] = {}

    def openings(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[Opening]:
        """SSH; what it holds is read through a tunnel.

        Not from the web servers by their group: that one lets the monitor's in, and of two groups
        one has to be there before the other.
        """
        return [Opening(22, PRIVATE)]

    def packages(self, site: Site, machine: Machine) -> Sequence[str]:
        """Both programs, on the machine that carries the monitor."""
        return self.units if machine == site.monitor else []

    def setup(self, site: Site, machine: Machine) -> Setup:
        """Both programs where the monitor is; elsewhere they are stopped."""
        if machine != site.monitor or site.watching is None:
            return Setup([], "\n".join(map(exporters.stop, self.units)), [])
        watching = site.watching
        values = _values(site, machine, watching)
        return Setup(
            files=[File(path, text) for path, text in _files(site, machine, values).items()],
            script=render("monitor", "setup.sh", **values),
            checks=[
                Check(name, render("monitor", "check-monitor.sh", **values, name=name))
                for name in self.units
            ],
            secrets=(SMTP_PASSWORD,) if watching.smtp_username else (),
        )


def targets(site: Site) -> list[Target]:
    """What is scraped: what each machine says that it tells, and the monitor itself."""
    found = [
        Target(job, f"{machine.address}:{port}", machine.name, machine.role)
        for machine in site.machines
        for job, port in machine.metrics.items()
    ]
    if monitor := site.monitor:
        for job, address in (("prometheus", PROMETHEUS), ("alertmanager", ALERTMANAGER)):
            found.append(Target(job, address, monitor.name, monitor.role))
    return found


def _values(site: Site, machine: Machine, watching: Watching) -> dict[str, object]:
    """What the templates of this role know."""
    memory_mib = max(LEAST_MIB, machine.memory_mib // SHARE)
    config, storage = Path(ETC), STORAGE
    return {
        "etc": ETC,
        "secrets": common.SECRETS,
        "mark": alertmanager.PASSWORD_MARK,
        "password": SMTP_PASSWORD if watching.smtp_username else "",
        "listen": {"prometheus": PROMETHEUS, "prometheus-alertmanager": ALERTMANAGER},
        "memory_mib": {
            "prometheus": memory_mib,
            "prometheus-alertmanager": max(64, memory_mib // 3),
        },
        "arguments": {
            "prometheus": prometheus.arguments(
                config / "prometheus.yml", storage / "metrics2", PROMETHEUS, watching.retention
            ),
            "prometheus-alertmanager": alertmanager.arguments(
                config / "private/alertmanager.yml", storage / "alertmanager", ALERTMANAGER
            ),
        },
    }


def _files(site: Site, machine: Machine, values: Mapping[str, object]) -> dict[str, str]:
    assert site.watching  # noqa: S101  # else there are none
    watching = site.watching
    rules = Rules(
        site.stack,
        watching.latency_objective_ms,
        watching.currency,
        watching.cost_per_month,
        watching.budget_per_month,
    )
    configuration = Prometheus(site.stack, targets(site), Path(ETC, "rules"), ALERTMANAGER)
    return {
        f"{ETC}/prometheus.yml": prometheus.prometheus_yml(configuration),
        f"{ETC}/alertmanager.yml": alertmanager.alertmanager_yml(_receivers(watching)),
        **{f"{ETC}/rules/{name}": text for name, text in prometheus.rules(rules).items()},
        **{
            f"{common.UNITS}/{name}.service.d/skytier.conf": render(
                "monitor", "monitor.service.conf", **values, name=name
            )
            for name in Monitor.units
        },
    }


def _receivers(watching: Watching) -> Receivers:
    if not watching.email:
        return Receivers(watching.webhook)
    sender = watching.smtp_from or watching.email
    smtp = Smtp(watching.smtp_server, sender, watching.smtp_username)
    return Receivers(watching.webhook, watching.email, smtp)


ROLE = Monitor()
