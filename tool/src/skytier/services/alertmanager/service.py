"""Alertmanager on the machine of the monitor."""

from collections.abc import Sequence
from pathlib import Path

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Given, Secret
from skytier.services.alertmanager import config
from skytier.services.alertmanager.config import SMTP_PASSWORD, Receivers, Smtp
from skytier.services.prometheus.service import ALERTMANAGER as LISTEN
from skytier.services.prometheus.service import ETC, STORAGE, memory_mib
from skytier.services.service import UNITS, Placement
from skytier.services.setup import Check, File, Setup
from skytier.services.watching import WatchingService
from skytier.stackfile import StackFile
from skytier.topology import Topology

PACKAGE = "skytier.services.alertmanager"


class AlertmanagerService(WatchingService):
    """It tells people of alerts."""

    name = "alertmanager"
    unit = "prometheus-alertmanager"
    units = (unit,)

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The password of an account at the e-mail server, where it asks for one."""
        account = topology.stack.monitor.smtp_username
        if not account:
            return ()
        what = f"The password of the account {account} at the e-mail server"
        return [Given(SMTP_PASSWORD, "SKYTIER_SMTP_PASSWORD", what)]

    def setup(self, at: Placement) -> Setup:
        """Its receivers."""
        arguments = config.arguments(
            Path(ETC, "private/alertmanager.yml"), STORAGE / "alertmanager", LISTEN
        )
        secrets = [each.names[0] for each in self.secrets(at.topology)]
        values = {
            "name": self.unit,
            "etc": ETC,
            "listen": LISTEN,
            "secrets": SECRETS,
            "mark": config.PASSWORD_MARK,
            "password": SMTP_PASSWORD if secrets else "",
        }
        conf = render(
            "skytier",
            "monitor.service.conf",
            **values,
            arguments=arguments,
            memory_mib=max(64, memory_mib(at.machine) // 3),
        )
        return Setup(
            files=[
                File(f"{ETC}/alertmanager.yml", config.alertmanager_yml(receivers(at.stack))),
                File(f"{UNITS}/{self.unit}.service.d/skytier.conf", conf),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[Check(self.unit, render("skytier", "check-ready.sh", **values))],
            secrets=tuple(secrets),
        )


def receivers(stack: StackFile) -> Receivers:
    """Who is told, by the stack file."""
    monitor = stack.monitor
    if not monitor.email:
        return Receivers(monitor.webhook or "")
    sender = monitor.smtp_from or monitor.email[0]
    smtp = Smtp(monitor.smtp_server or "", sender, monitor.smtp_username or "")
    return Receivers(monitor.webhook or "", ", ".join(monitor.email), smtp)


ALERTMANAGER = AlertmanagerService()
