"""What Redis shows of itself: both servers of a machine together."""

from skytier.charts.chart import Chart, Group, Unit
from skytier.charts.expression import rate, total

_MACHINE = ("machine",)

CHARTS = (
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
    Chart(
        "redis_replicas",
        "Replicas that follow",
        Group.REDIS,
        Unit.COUNT,
        # Of one server there are none; of several members those of the primary.
        total("redis_connected_slaves", _MACHINE),
    ),
    Chart(
        "redis_evicted_per_s",
        "Keys evicted",
        Group.REDIS,
        Unit.PER_S,
        rate("redis_evicted_keys_total", _MACHINE),
    ),
)
