"""The exporters: small programs of the distribution that tell the monitor how things are."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.roles.render import render
from skytier.roles.role import Check, File, Machine, Setup, Topology

TEXTFILES = "/var/lib/prometheus/node-exporter"
"""Where `NAME.prom` is written by what runs now and then; the node exporter tells what is in it."""


@dataclass(frozen=True)
class Exporter:
    """One of them. It listens on the machine's private address only."""

    job: str
    """`node`: its package and its unit are `prometheus-node-exporter`."""
    port: int
    arguments: Sequence[str] = ()
    environment: str = ""
    """`NAME=value`"""
    reads: Sequence[str] = ()
    """Files that it reads when it starts."""

    @property
    def name(self) -> str:
        """Its package, its program and its unit."""
        return f"prometheus-{self.job}-exporter"


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


def packages(topology: Topology, *exporters: Exporter) -> list[str]:
    """Those of exporters, where the stack is watched."""
    return [exporter.name for exporter in exporters] if topology.monitoring else []


def setup(topology: Topology, machine: Machine, exporter: Exporter) -> Setup:
    """An exporter that runs, or that is stopped where the stack is not watched."""
    if topology.monitor is None:
        return Setup(files=[], script=stop(exporter.name), checks=[])
    addition = f"/etc/systemd/system/{exporter.name}.service.d/skytier.conf"
    values = {
        "name": exporter.name,
        "address": machine.address,
        "port": exporter.port,
        "arguments": exporter.arguments,
        "environment": exporter.environment,
        "monitor": topology.monitor.address,
        "files": [addition, *exporter.reads],
    }
    return Setup(
        files=[File(addition, render("exporters", "exporter.service.conf", **values))],
        script=render("exporters", "start.sh", **values),
        checks=[Check(exporter.name, render("exporters", "check-exporter.sh", **values))],
    )


def stop(unit: str) -> str:
    """A piece of a script that stops a unit which Skytier once set up, and keeps it stopped."""
    return render("exporters", "stop.sh", name=unit)
