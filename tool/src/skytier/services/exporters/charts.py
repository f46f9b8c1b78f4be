"""What the exporter of machines shows."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import Expression, largest, rate, total

_MACHINE = ("machine",)
_DEVICES = {"device": "!lo"}
_ROOT = {"mountpoint": "/"}


def _disk_percent() -> Expression:
    """As df says it: of what anybody but root may use."""
    used = largest("node_filesystem_size_bytes", _MACHINE, _ROOT) - largest(
        "node_filesystem_free_bytes", _MACHINE, _ROOT
    )
    return 100 * (used / (used + largest("node_filesystem_avail_bytes", _MACHINE, _ROOT)))


CPU = Chart(
    "cpu_percent",
    "CPU in use",
    Group.MACHINES,
    Unit.PERCENT,
    100
    * (
        1
        - rate("node_cpu_seconds_total", _MACHINE, {"mode": "idle|iowait"})
        / rate("node_cpu_seconds_total", _MACHINE)
    ),
)

MACHINES = (
    CPU,
    Chart(
        "memory_percent",
        "Memory in use",
        Group.MACHINES,
        Unit.PERCENT,
        100
        * (
            1
            - total("node_memory_MemAvailable_bytes", _MACHINE)
            / total("node_memory_MemTotal_bytes", _MACHINE)
        ),
    ),
    Chart("disk_percent", "Root file system in use", Group.MACHINES, Unit.PERCENT, _disk_percent()),
    Chart(
        "disk_read_bytes_per_s",
        "Read from disks",
        Group.MACHINES,
        Unit.BYTES_PER_S,
        rate("node_disk_read_bytes_total", _MACHINE),
    ),
    Chart(
        "disk_written_bytes_per_s",
        "Written to disks",
        Group.MACHINES,
        Unit.BYTES_PER_S,
        rate("node_disk_written_bytes_total", _MACHINE),
    ),
    Chart(
        "network_rx_bytes_per_s",
        "Network in",
        Group.MACHINES,
        Unit.BYTES_PER_S,
        rate("node_network_receive_bytes_total", _MACHINE, _DEVICES),
    ),
    Chart(
        "network_tx_bytes_per_s",
        "Network out",
        Group.MACHINES,
        Unit.BYTES_PER_S,
        rate("node_network_transmit_bytes_total", _MACHINE, _DEVICES),
    ),
    Chart(
        "load_1m",
        "Load, average of a minute",
        Group.MACHINES,
        Unit.COUNT,
        total("node_load1", _MACHINE),
    ),
)
