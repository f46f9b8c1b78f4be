"""This machine's own figures in Prometheus' format, by the node exporter's names.

For a machine that has no node exporter: `python -m skytier.metrics.machine PORT` serves them on
loopback, for a Prometheus.
"""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


class _Machine(Collector):
    """Reads /proc through psutil, each time it is asked."""

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        yield from _cpu()
        memory = psutil.virtual_memory()
        yield _gauge("node_memory_MemTotal_bytes", memory.total)
        yield _gauge("node_memory_MemAvailable_bytes", memory.available)
        yield _gauge("node_load1", psutil.getloadavg()[0])
        yield from _root()
        yield from _disks()
        yield from _network()


def text() -> str:
    """All of it, as an exporter would answer."""
    return generate_latest(_registry()).decode()


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Machine())
    return registry


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, name, value=value)


def _cpu() -> Iterator[Metric]:
    seconds = CounterMetricFamily("node_cpu_seconds", "CPU time", labels=["cpu", "mode"])
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in _MODES:
            seconds.add_metric([str(number), mode], getattr(times, mode, 0.0))
    yield seconds


def _root() -> Iterator[Metric]:
    # psutil's own `free` is what anybody but root may use.
    usage = psutil.disk_usage("/")
    for name, value in (("size", usage.total), ("avail", usage.free)):
        metric = GaugeMetricFamily(f"node_filesystem_{name}_bytes", name, labels=["mountpoint"])
        metric.add_metric(["/"], value)
        yield metric
    metric = GaugeMetricFamily("node_filesystem_free_bytes", "free", labels=["mountpoint"])
    metric.add_metric(["/"], usage.total - usage.used)
    yield metric


def _disks() -> Iterator[Metric]:
    # Whole disks: the parts of one would be counted twice.
    whole = {path.name for path in Path("/sys/block").glob("*")}
    for name, field in (("read", "read_bytes"), ("written", "write_bytes")):
        metric = CounterMetricFamily(f"node_disk_{name}_bytes", name, labels=["device"])
        for device, counters in (psutil.disk_io_counters(perdisk=True) or {}).items():
            if device in whole and not device.startswith(("loop", "ram", "dm-", "md")):
                metric.add_metric([device], getattr(counters, field))
        yield metric


def _network() -> Iterator[Metric]:
    for name, field in (("receive", "bytes_recv"), ("transmit", "bytes_sent")):
        metric = CounterMetricFamily(f"node_network_{name}_bytes", name, labels=["device"])
        for device, counters in psutil.net_io_counters(pernic=True).items():
            metric.add_metric([device], getattr(counters, field))
        yield metric


def main() -> None:
    """Serve until a signal ends it."""
    start_http_server(int(sys.argv[1]), addr="127.0.0.1", registry=_registry())
    threading.Event().wait()


if __name__ == "__main__":
    main()
