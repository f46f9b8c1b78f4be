"""What PostgreSQL shows of itself."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import largest, rate, total

_MACHINE = ("machine",)
_OURS = {"datname": "!template.*|postgres|"}

CHARTS = (
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
)
