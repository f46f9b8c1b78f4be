"""Figures on a terminal: tables and sparklines."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from skytier.charts.chart import Chart, Unit, human
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.picture import Picture
from skytier.metrics.source import Alert, Series

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 10
_COLUMNS = {
    "cpu_percent": "CPU",
    "memory_percent": "Memory",
    "disk_percent": "Disk",
    "network_rx_bytes_per_s": "In",
    "network_tx_bytes_per_s": "Out",
    "load_1m": "Load",
}
_LINES = {
    "application": (
        *("requests_per_s", "latency_p50_s", "latency_p99_s", "error_percent"),
        *("requests_in_progress", "pool_connections", "pool_waiting"),
    ),
    "database": (
        *("database_connections", "database_transactions_per_s", "database_cache_hit_percent"),
        *("database_size_bytes", "replication_lag_s"),
    ),
    "balancer": ("balancer_servers", "balancer_connections", "balancer_requests_per_s"),
    "nginx": ("nginx_connections", "nginx_requests_per_s"),
    "redis": ("redis_memory_bytes", "redis_hit_percent", "redis_clients", "redis_evicted_per_s"),
}
_WITH_SPARKS = ("requests_per_s", "latency_p99_s", "database_transactions_per_s")
Lately = Callable[[Chart], list[Series]]


def drawn(shown: Picture, lately: Lately) -> RenderableType:
    """A picture of the stack for a terminal; `lately` has a chart's last minutes."""
    when = datetime.fromtimestamp(shown.at).astimezone().strftime("%H:%M:%S")
    where = f" on {shown.cloud}" if shown.cloud else ""
    title = Text.assemble(
        (f"{shown.stack}{where}", "bold"), f"  {when}", (f"  by {shown.source}", "dim")
    )
    notes = [Text(note, "yellow") for note in shown.notes]
    alerts = [_alert(each, shown.at) for each in shown.alerts]
    return Group(title, *notes, *alerts, _machines(shown, lately), _services(shown, lately))


def _alert(alert: Alert, now: float) -> Text:
    """Which one it is, and for how long."""
    lasted = timedelta(seconds=max(0, round(now - alert.since)))
    waits = alert.state == "pending"
    return Text.assemble(
        (f"{alert.state if waits else alert.severity}: ", "yellow" if waits else "bold red"),
        alert.summary,
        (f"  for {lasted}", "dim"),
    )


def spark(values: Sequence[float], most: float | None = None) -> str:
    """A line of bars, the newest value last; `most` is a whole bar's height.

    >>> spark([0, 50, 100], 100)
    '▁▅█'
    """
    highest = most or max(values, default=0) or 1
    steps = [round(min(value / highest, 1) * (len(BARS) - 1)) for value in values[-WIDTH:]]
    return "".join(BARS[step] for step in steps)


def _machines(shown: Picture, lately: Lately) -> Table:
    # Without the role, which is in the name: it all fits into 80 columns.
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Machine", no_wrap=True)
    for name in _COLUMNS.values():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("CPU lately", no_wrap=True)
    cpu = {
        series.labels.get("machine"): [point.value for point in series.points]
        for series in lately(BY_ID["cpu_percent"])
    }
    for machine in shown.machines:
        table.add_row(
            machine["name"],
            *(_value(name, machine[name]) for name in _COLUMNS),
            Text(spark(cpu.get(machine["name"], []), 100), "cyan"),
        )
    return table


def _services(shown: Picture, lately: Lately) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, charts in _LINES.items():
        known = [each for each in charts if shown.figures[name].get(each) not in (None, {})]
        for each in known:
            line = ""
            if each in _WITH_SPARKS and (series := lately(BY_ID[each])):
                line = spark([point.value for point in series[0].points])
            table.add_row(
                Text(name.capitalize() if each == known[0] else "", "bold"),
                BY_ID[each].title,
                _value(each, shown.figures[name][each]),
                Text(line, "cyan"),
            )
    return table


def _value(chart: str, value: Any) -> Text:
    unit = BY_ID[chart].unit
    if value is None:
        return Text("?", "dim")
    if isinstance(value, Mapping):
        return Text(", ".join(f"{name} {human(each, unit)}" for name, each in value.items()))
    style = "red" if unit is Unit.PERCENT and chart in _COLUMNS and value >= 90 else ""
    return Text(human(value, unit), style)
