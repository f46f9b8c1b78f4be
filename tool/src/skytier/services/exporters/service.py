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
        environment_file: str = "",
        group: str = "",
    ) -> None:
        """`job` is `node`: its package, its program and its unit are `prometheus-node-exporter`.

        `environment` is `NAME=value`; `reads` are the files that it reads when it starts.
        `environment_file` has more variables, which only root reads. `group` is a group of the
        system that it is in.
        """
        self.name = self.unit = f"prometheus-{job}-exporter"
        self.job, self.port = job, port
        self._arguments, self._environment, self._reads = arguments, environment, reads
        self._environment_file, self._group = environment_file, group

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
            "environment_file": self._environment_file,
            "group": self._group,
            "files": [
                *(addition, *self._reads),
                *([self._environment_file] if self._environment_file else []),
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
