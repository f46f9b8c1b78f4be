"""An exporter on a machine."""

from collections.abc import Sequence

from skytier.render import render
from skytier.services.service import UNITS, Placement
from skytier.services.setup import Check, File, Setup
from skytier.services.watching import WatchingService
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure

PACKAGE = "skytier.services.exporters"
TEXTFILES = "/var/lib/prometheus/node-exporter"
"""Where `NAME.prom` is written by what runs now and then; the node exporter shows what is in it."""


class Exporter(WatchingService):
    """It listens on the machine's private address only."""

    def __init__(
        self,
        job: str,
        port: int,
        arguments: Sequence[str] = (),
        environment: str = "",
        reads: Sequence[str] = (),
        credential: str = "",
        group: str = "",
    ) -> None:
        """`job` is `node`: its package, its program and its unit are `prometheus-node-exporter`.

        `environment` is `NAME=value`; `reads` are the files that it reads when it starts.
        `credential` is a file that only root reads: systemd gives it to the program, as a file of
        the same name in ${CREDENTIALS_DIRECTORY}. `group` is a group of the system that it is in.
        """
        self.name = self.unit = f"prometheus-{job}-exporter"
        self.job, self.port = job, port
        self._arguments, self._environment, self._reads = arguments, environment, reads
        self._credential, self._group = credential, group

    def running(self, stack: StackFile) -> Sequence[str]:
        """The exporter, whose log matters to nobody."""
        return [self.unit]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """Its metrics."""
        return [Endpoint(self.job, self.port, Exposure.MONITOR)]

    def setup(self, at: Placement) -> Setup:
        """Its unit, with an addition."""
        addition = f"{UNITS}/{self.name}.service.d/skytier.conf"
        values = {
            "name": self.name,
            "address": at.machine.address,
            "port": self.port,
            "arguments": self._arguments,
            "environment": self._environment,
            "monitor": at.topology.monitor.address if at.topology.monitor else at.machine.address,
            "credential": self._credential,
            "group": self._group,
            "files": [
                *(addition, *self._reads),
                *([self._credential] if self._credential else []),
            ],
        }
        return Setup(
            files=[File(addition, render(PACKAGE, "exporter.service.conf", **values))],
            script=render(PACKAGE, "start.sh", **values),
            checks=[Check(self.name, render(PACKAGE, "check-exporter.sh", **values))],
        )


NODE = Exporter(
    "node",
    9100,
    (
        f"--collector.textfile.directory={TEXTFILES}",
        "--web.disable-exporter-metrics",
        # Each start would else name some fifty collectors.
        "--log.level=warn",
    ),
)
