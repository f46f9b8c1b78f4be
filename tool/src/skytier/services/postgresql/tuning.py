"""How PostgreSQL uses the machine that it has for itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from skytier.services.application.workers import POOL_SIZE, workers
from skytier.topology import Machine, Topology

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


def connections(web_servers: Sequence[Machine], most: int) -> int:
    """How many connections are let in: all that `most` web servers may hold, and those of
    operators. Those that are not among `web_servers` are as large as the largest of these.

    PostgreSQL restarts for another number, so it is not that of the web servers of the moment.
    """
    held = [workers(machine) * POOL_SIZE for machine in web_servers]
    largest = max(held, default=0)
    # One after another has a second process for a while, and then the old one's connections.
    return max(100, sum(held) + (max(0, most - len(held)) + 1) * largest + FOR_OPERATORS)


def tuning(memory_mib: int, topology: Topology) -> Tuning:
    """From the machine's memory, and from the most web servers that the stack file allows.

    A quarter is PostgreSQL's own cache; the kernel caches the same files in most of the rest.

    >>> topology = Topology(StackFile(), [])
    >>> tuning(2048, topology).shared_buffers, tuning(2048, topology).effective_cache_size
    (512, 1433)
    """
    let_in = connections(topology.running("application"), topology.stack.web.most)
    return Tuning(
        max_connections=let_in,
        shared_buffers=max(64, memory_mib // 4),
        effective_cache_size=max(128, memory_mib * 7 // 10),
        # A statement may take it several times over, but seldom do all connections run one.
        work_mem=min(64, max(4, memory_mib // 2 // let_in)),
        maintenance_work_mem=min(1024, max(32, memory_mib // 16)),
        max_wal_size=min(4096, max(512, memory_mib)),
    )
