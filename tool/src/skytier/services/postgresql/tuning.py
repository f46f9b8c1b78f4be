"""How PostgreSQL uses the machine that it has for itself."""

from dataclasses import dataclass

from skytier.services.application.workers import POOL_SIZE, workers
from skytier.topology import Topology

FOR_OPERATORS = 20
"""Connections besides the application's: psql, backups, the monitor, a second release."""


@dataclass(frozen=True)
class Tuning:
    """Sizes in MiB, and a number of connections."""

    max_connections: int
    shared_buffers: int
    effective_cache_size: int
    work_mem: int
    maintenance_work_mem: int
    max_wal_size: int


def tuning(memory_mib: int, topology: Topology) -> Tuning:
    """From the machine's memory, and from how many connections the web servers may hold.

    A quarter is PostgreSQL's own cache; the kernel caches the same files in most of the rest.

    >>> topology = Topology(StackFile(), [])
    >>> tuning(2048, topology).shared_buffers, tuning(2048, topology).effective_cache_size
    (512, 1433)
    """
    held = [workers(m) * POOL_SIZE for m in topology.running("application")]
    # One after another has a second process for a while, and then the old one's connections.
    connections = max(100, sum(held) + max(held, default=0) + FOR_OPERATORS)
    return Tuning(
        max_connections=connections,
        shared_buffers=max(64, memory_mib // 4),
        effective_cache_size=max(128, memory_mib * 7 // 10),
        # A statement may take it several times over, but seldom do all connections run one.
        work_mem=min(64, max(4, memory_mib // 2 // connections)),
        maintenance_work_mem=min(1024, max(32, memory_mib // 16)),
        max_wal_size=min(4096, max(512, memory_mib)),
    )
