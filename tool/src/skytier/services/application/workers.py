"""How many processes of the application a machine runs, and what each of them holds."""

from skytier.topology import Machine

POOL_SIZE = 10
"""Connections to PostgreSQL that a worker holds at most: the application's own default."""
WORKER_MIB = 256
"""Memory that a worker may need, with the machine's own needs shared among them."""


_SHARE = 0.6
"""The rest is for the system, Nginx, and the monitor, which has a limit of its own."""


def memory_mib(machine: Machine) -> int:
    """What all processes of the application may take together."""
    return int(machine.memory_mib * _SHARE)


def workers(machine: Machine) -> int:
    """One for each core, as far as the memory goes, and at most 16."""
    return max(1, min(16, machine.vcpus, machine.memory_mib // WORKER_MIB))
