"""An exporter on a machine."""

from collections.abc import Sequence

from skytier.render import render
from skytier.services.service import UNITS, Placement, Service
from skytier.services.setup import Check, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure

PACKAGE = "skytier.services.exporters"
TEXTFILES = "/var/lib/prometheus/node-exporter"
"""Where `NAME.prom` is written by what runs now and then; the node exporter shows what is in it."""


class Exporter(Service):
    """It listens on the machine's private address only."""

    def __init__(
        self,
        job: str,
        port: int,
        arguments: Sequence[str] = (),
        environment: str = "",
        reads: Sequence[str] = (),
    ) -> None:
        """`job` is `node`: its package, its program and its unit are `prometheus-node-exporter`.

        `environment` is `NAME=value`; `reads` are the files that it reads when it starts.
        """
        self.name = f"prometheus-{job}-exporter"
        self.job, self.port = job, port
        self._arguments, self._environment, self._reads = arguments, environment, reads

    def enabled(self, stack: StackFile) -> bool:
        """Where the stack is watched."""
        return stack.monitor.enabled

    def packages(self, at: Placement) -> Sequence[str]:
        """Its own."""
        return [self.name]

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
            "files": [addition, *self._reads],
        }
        return Setup(
            files=[File(addition, render(PACKAGE, "exporter.service.conf", **values))],
            script=render(PACKAGE, "start.sh", **values),
            checks=[Check(self.name, render(PACKAGE, "check-exporter.sh", **values))],
        )

    def removal(self, at: Placement) -> Setup:
        """It is stopped."""
        return Setup(script=stop(self.name))


def stop(unit: str) -> str:
    """A piece of a script that stops a unit which Skytier once set up, and keeps it stopped."""
    return render(PACKAGE, "stop.sh", name=unit)


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
