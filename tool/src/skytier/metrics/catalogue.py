"""Every figure of the product, defined once.

`skytier top`, the history of this machine, the dashboard, reports, exports and Grafana's dashboards
all take them from here. Targets carry the labels `job` (node, postgres, nginx, redis, application),
`stack`, `machine` and `role`.
"""

from skytier.metrics.chart import Chart, Group, Unit
from skytier.metrics.expression import Expression, largest, quantile, rate, total

_MACHINE = ("machine",)
_DEVICES = {"device": "!lo"}
_ROOT = {"mountpoint": "/"}
_OURS = {"datname": "!template.*|postgres|"}
_REQUESTS = "skytier_http_requests_total"
_LATENCY = "skytier_http_request_duration_seconds"


def _disk_percent() -> Expression:
    """As df says it: of what anybody but root may use."""
    used = largest("node_filesystem_size_bytes", _MACHINE, _ROOT) - largest(
        "node_filesystem_free_bytes", _MACHINE, _ROOT
    )
    return 100 * (used / (used + largest("node_filesystem_avail_bytes", _MACHINE, _ROOT)))


_MACHINES = [
    Chart(
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
    ),
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
]

_APPLICATION = [
    Chart("requests_per_s", "Requests", Group.APPLICATION, Unit.PER_S, rate(_REQUESTS)),
    Chart(
        "requests_by_route_per_s",
        "Requests by route",
        Group.APPLICATION,
        Unit.PER_S,
        rate(_REQUESTS, ("route",)),
    ),
    Chart(
        "requests_by_status_per_s",
        "Requests by status",
        Group.APPLICATION,
        Unit.PER_S,
        rate(_REQUESTS, ("status",)),
    ),
    Chart(
        "error_percent",
        "Errors (5xx)",
        Group.APPLICATION,
        Unit.PERCENT,
        # `or` covers the time in which no error was counted yet, and so there is no such counter.
        100 * ((rate(_REQUESTS, (), {"status": "5.."}) | 0 * rate(_REQUESTS)) / rate(_REQUESTS)),
    ),
    Chart(
        "latency_p50_s", "Latency, median", Group.APPLICATION, Unit.SECONDS, quantile(0.5, _LATENCY)
    ),
    Chart(
        "latency_p99_s",
        "Latency, 99 of 100",
        Group.APPLICATION,
        Unit.SECONDS,
        quantile(0.99, _LATENCY),
    ),
    Chart(
        "latency_by_route_p99_s",
        "Latency by route, 99 of 100",
        Group.APPLICATION,
        Unit.SECONDS,
        quantile(0.99, _LATENCY, ("route",)),
    ),
    Chart(
        "requests_in_progress",
        "Requests in hand",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_http_requests_in_progress", _MACHINE),
    ),
    Chart(
        "pool_connections",
        "Pooled connections",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_database_connections", ("state",)),
    ),
    Chart(
        "pool_waiting",
        "Waiting for a connection",
        Group.APPLICATION,
        Unit.COUNT,
        total("skytier_database_waiting"),
    ),
    Chart(
        "cache_hit_percent",
        "Found in caches",
        Group.APPLICATION,
        Unit.PERCENT,
        100
        * (
            rate("skytier_cache_requests_total", ("cache",), {"result": "hit"})
            / rate("skytier_cache_requests_total", ("cache",))
        ),
    ),
    Chart(
        "sign_ins_per_s",
        "Sign-ins by result",
        Group.APPLICATION,
        Unit.PER_S,
        rate("skytier_sign_ins_total", ("result",)),
    ),
]

_NGINX = [
    Chart(
        "nginx_connections",
        "Connections",
        Group.NGINX,
        Unit.COUNT,
        total("nginx_connections_active", _MACHINE),
    ),
    Chart(
        "nginx_requests_per_s",
        "Requests",
        Group.NGINX,
        Unit.PER_S,
        rate("nginx_http_requests_total", _MACHINE),
    ),
]

_POSTGRESQL = [
    Chart(
        "database_connections",
        "Connections",
        Group.POSTGRESQL,
        Unit.COUNT,
        total("pg_stat_database_numbackends", _MACHINE),
    ),
    Chart(
        "database_transactions_per_s",
        "Transactions",
        Group.POSTGRESQL,
        Unit.PER_S,
        rate("pg_stat_database_xact_commit", _MACHINE)
        + rate("pg_stat_database_xact_rollback", _MACHINE),
    ),
    Chart(
        "database_cache_hit_percent",
        "Blocks found in memory",
        Group.POSTGRESQL,
        Unit.PERCENT,
        100
        * (
            rate("pg_stat_database_blks_hit", _MACHINE)
            / (
                rate("pg_stat_database_blks_hit", _MACHINE)
                + rate("pg_stat_database_blks_read", _MACHINE)
            )
        ),
    ),
    Chart(
        "database_size_bytes",
        "Size of the data",
        Group.POSTGRESQL,
        Unit.BYTES,
        # Exporters before 0.11 leave it to a query of ours.
        total("pg_database_size_bytes", _MACHINE, _OURS)
        | total("skytier_database_size_bytes", _MACHINE, _OURS),
    ),
    Chart(
        "replication_lag_s",
        "Replication lag",
        Group.POSTGRESQL,
        Unit.SECONDS,
        # Debian 12's exporter has the first name, newer ones the second.
        largest("pg_replication_lag", _MACHINE) | largest("pg_replication_lag_seconds", _MACHINE),
    ),
]

_REDIS = [
    Chart(
        "redis_memory_bytes",
        "Memory",
        Group.REDIS,
        Unit.BYTES,
        total("redis_memory_used_bytes", _MACHINE),
    ),
    Chart(
        "redis_hit_percent",
        "Keys found",
        Group.REDIS,
        Unit.PERCENT,
        100
        * (
            rate("redis_keyspace_hits_total", _MACHINE)
            / (
                rate("redis_keyspace_hits_total", _MACHINE)
                + rate("redis_keyspace_misses_total", _MACHINE)
            )
        ),
    ),
    Chart(
        "redis_clients",
        "Clients",
        Group.REDIS,
        Unit.COUNT,
        total("redis_connected_clients", _MACHINE),
    ),
]

_COST = [
    Chart(
        "cost_per_month",
        "Cost at the present rate",
        Group.COST,
        Unit.MONEY,
        total("skytier_cost_per_month"),
    ),
]

CHARTS = (*_MACHINES, *_APPLICATION, *_NGINX, *_POSTGRESQL, *_REDIS, *_COST)
BY_ID = {chart.id: chart for chart in CHARTS}

# Not to be drawn: how many requests read, and how many no cache answered, which advice goes by.
READS = Chart(
    "requests_read_percent",
    "Requests that read",
    Group.APPLICATION,
    Unit.PERCENT,
    100 * (rate(_REQUESTS, (), {"method": "GET|HEAD"}) / rate(_REQUESTS)),
)
CACHE_MISSES = Chart(
    "requests_past_cache_percent",
    "Requests that no cache answered",
    Group.APPLICATION,
    Unit.PERCENT,
    100 * (rate(_REQUESTS) / rate("nginx_http_requests_total")),
)

# Neither: what answers, which release runs, and which alerts fired.
UP = Chart("up", "What answers", Group.MACHINES, Unit.COUNT, largest("up", ("machine", "job")))
BUILD = Chart(
    "build",
    "The release that runs",
    Group.APPLICATION,
    Unit.COUNT,
    largest("skytier_build_info", ("version", "release")),
)
FIRING = Chart(
    "alerts_firing",
    "Alerts that fire",
    Group.MACHINES,
    Unit.COUNT,
    # Prometheus keeps the state of its alerts as a metric of its own.
    total("ALERTS", ("alertname", "severity", "machine"), {"alertstate": "firing"}),
)
