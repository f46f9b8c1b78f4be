"""The kinds of machine, and the configuration each of them runs with.

A new kind is a new folder with a `ROLE`, and a line here.
"""

from collections.abc import Mapping

from skytier.roles import common, database, monitor, web
from skytier.roles.exporters import NODE
from skytier.roles.role import Machine, Role, Setup, Topology

ROLES: Mapping[str, Role] = {role.name: role for role in (database.ROLE, web.ROLE, monitor.ROLE)}


def on(machine: Machine) -> list[Role]:
    """A machine's own role, and those that may lodge on it."""
    return [
        ROLES[machine.role],
        *(role for role in ROLES.values() if role.colocated_with == machine.role),
    ]


def metrics(role: str) -> dict[str, int]:
    """What the machines of a role tell the monitor: the job's name to the port."""
    return {NODE.job: NODE.port, **ROLES[role].metrics}


def user_data(topology: Topology, machine: Machine) -> str:
    """cloud-config for a machine's first boot: small, without a secret and without addresses."""
    return common.user_data(machine.role, _packages(topology, machine))


def setup(topology: Topology, machine: Machine) -> Setup:
    """All of how a machine is set up. Raises SkytierError for a site that cannot work."""
    parts = [role.setup(topology, machine) for role in on(machine)]
    files = [file for part in parts for file in part.files]
    return sum(parts, common.setup(topology, machine, _packages(topology, machine), files))


def _packages(topology: Topology, machine: Machine) -> common.Packages:
    names = [name for role in on(machine) for name in role.packages(topology, machine)]
    return common.packages(topology, [*names, *topology.packages.get(machine.role, ())])
