"""The kinds of machine, and from them what each machine of a stack runs.

A new kind is a new file with a `Role`, and a line here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from skytier.roles.balancer import BALANCER
from skytier.roles.cache import CACHE
from skytier.roles.database import DATABASE
from skytier.roles.monitor import MONITOR
from skytier.roles.role import Role, public_role
from skytier.roles.web import WEB
from skytier.roles.witness import WITNESS
from skytier.secrets.secret import Secret
from skytier.services.exporters.service import NODE
from skytier.services.nginx import load_balanced
from skytier.services.nginx import service as nginx
from skytier.services.service import Placement, Service
from skytier.services.setup import Setup
from skytier.services.system.service import SSH, SYSTEM, Packages
from skytier.stackfile import StackFile
from skytier.topology import (
    PRIVATE,
    VRRP,
    Exposure,
    IngressRule,
    Machine,
    Topology,
    anywhere,
)
from skytier.topology.ingress import Exposed
from skytier.topology.ingress import ingress_rules as _ingress_rules

ROLES: Mapping[str, Role] = {
    role.name: role for role in (DATABASE, WEB, BALANCER, CACHE, MONITOR, WITNESS)
}
EVERYWHERE: Sequence[Service] = (SYSTEM, NODE)
"""The services of every machine."""


def services_on(stack: StackFile, role: str, number: int) -> list[Service]:
    """The services that run on a machine."""
    colocated = [
        service
        for other in ROLES.values()
        if (role, number) in other.hosts(stack)
        for service in other.services
    ]
    own = (*EVERYWHERE, *ROLES[role].services, *colocated)
    return [service for service in own if service.enabled(stack)]


def units_on(stack: StackFile, role: str, number: int) -> list[str]:
    """The systemd units of a machine whose logs matter."""
    return [unit for each in services_on(stack, role, number) for unit in each.units]


def running_on(stack: StackFile, role: str, number: int) -> list[str]:
    """The systemd units that run as long as a machine does."""
    return [unit for each in services_on(stack, role, number) for unit in each.running(stack)]


def metrics(stack: StackFile, role: str, number: int) -> dict[str, int]:
    """The endpoints of a machine that the monitor scrapes: the job's name to the port."""
    return {
        endpoint.name: endpoint.port
        for service in services_on(stack, role, number)
        for endpoint in service.endpoints(stack)
        if endpoint.exposure is Exposure.MONITOR and isinstance(endpoint.port, int)
    }


def ingress_rules(
    stack: StackFile,
    moves_from: str = "",
    *,
    leaves_load_balancer: bool = False,
    through_first: bool = False,
    entered: Collection[str] = (),
) -> dict[str, list[IngressRule]]:
    """What the security group of each role lets in.

    While the floating IP still leads to another role, `moves_from`, that one's visitors and its
    operators are let in as well; through a load balancer where that is what it leads to. Operators
    enter public machines `through_first` where not each of them has an address; and those of roles
    that are `entered` still by addresses of their own.
    """
    through_first = through_first or stack.has_load_balancer
    rules = _ingress_rules(
        {
            name: _exposed(stack, ROLES[name], through_first=through_first)
            for name in ROLES
            if name in stack.machines()
        },
        stack.ssh_from,
        ipv6=stack.ipv6,
    )
    for name in rules.keys() & {*entered}:
        own = [IngressRule(SSH, network) for network in stack.ssh_from]
        rules[name] = list(dict.fromkeys([*rules[name], *own]))
    if not moves_from:
        return rules
    return {
        name: list(
            dict.fromkeys(
                [*of_role, *_while_it_moves(stack, name, moves_from, leaves_load_balancer)]
            )
        )
        for name, of_role in rules.items()
    }


def _while_it_moves(
    stack: StackFile, role: str, moves_from: str, leaves_load_balancer: bool
) -> Iterator[IngressRule]:
    """What a role lets in besides, so that visitors and operators come by both ways."""
    if role == moves_from and leaves_load_balancer:
        yield from (IngressRule(SSH, each) for each in (*stack.ssh_from, PRIVATE))
        for endpoint in load_balanced.endpoints(stack):
            yield from (IngressRule(endpoint.port, each) for each in endpoint.networks)
    elif role == moves_from:
        yield from (IngressRule(SSH, network) for network in stack.ssh_from)
        for endpoint in nginx.EDGE:
            yield from (IngressRule(endpoint.port, each) for each in anywhere(ipv6=stack.ipv6))
        # Balancers that shared an address still tell each other who has it.
        if ROLES[role].fronts:
            yield IngressRule(VRRP, role)
    elif moves_from not in stack.machines():
        yield IngressRule(SSH, moves_from)
        if role == ROLES[moves_from].fronts:
            yield IngressRule(nginx.BEHIND.port, moves_from)


def secrets(topology: Topology, of: Collection[str] = ROLES) -> list[Secret]:
    """All secrets of a stack, or those of some roles, each declared by its service."""
    stack = topology.stack
    machines = [machine for role in of for machine in topology.of(role)]
    running = [each for m in machines for each in services_on(stack, m.role, m.number)]
    return [secret for service in dict.fromkeys(running) for secret in service.secrets(topology)]


def secret_store(stack: StackFile) -> tuple[str, int]:
    """Role and number of the machine that keeps the secrets of a stack."""
    there = stack.machines()
    return next(name for name, role in ROLES.items() if role.holds_secrets and name in there), 1


def user_data(topology: Topology, machine: Machine) -> str:
    """cloud-config for a machine's first boot: small, without a secret and without addresses."""
    running = services_on(topology.stack, machine.role, machine.number)
    stack = topology.stack
    private = stack.cidr if stack.has_public_ports and machine.public else ""
    return SYSTEM.user_data(machine.role, _packages(Placement(topology, machine), running), private)


def bake(topology: Topology, machine: Machine) -> str:
    """cloud-config of the machine that an image for a role is made from: any machine of it.

    What is only on the first machine of a role is not in the image.
    """
    at = Placement(topology, machine)
    own = (*EVERYWHERE, *ROLES[machine.role].services)
    running = [service for service in own if service.enabled(at.stack)]
    return SYSTEM.bake(machine.role, _packages(at, running))


def installed(topology: Topology, machine: Machine) -> Setup:
    """The packages of a machine, on another one that runs none of its services."""
    running = services_on(topology.stack, machine.role, machine.number)
    return SYSTEM.begin(_packages(Placement(topology, machine), running), [])


def setup(topology: Topology, machine: Machine) -> Setup:
    """All of how a machine is set up. Raises SkytierError for a stack that cannot work."""
    at = Placement(topology, machine)
    running = services_on(topology.stack, machine.role, machine.number)
    parts = [service.setup(at) for service in running]
    parts += [service.removal(at) for service in _others(machine.role) if service not in running]
    files = [file for part in parts for file in part.files]
    return sum(parts, SYSTEM.begin(_packages(at, running), files))


def _others(role: str) -> Iterator[Service]:
    """The services that a machine of a role may ever have had."""
    yield from EVERYWHERE
    yield from ROLES[role].services
    for other in ROLES.values():
        if role in other.colocated_with:
            yield from other.services


def _exposed(stack: StackFile, role: Role, *, through_first: bool) -> Exposed:
    services = services_on(stack, role.name, 1)
    public = role.name == public_role(stack, ROLES)
    return Exposed(
        public=public,
        through_first=public and through_first,
        endpoints=[
            (service.name, endpoint)
            for service in services
            for endpoint in service.endpoints(stack)
        ],
        needs=frozenset(need.service for service in services for need in service.needs(stack)),
        monitors=any(service.name == "prometheus" for service in services),
        fronts=role.fronts,
        single=role.single,
    )


def _packages(at: Placement, running: Sequence[Service]) -> Packages:
    section = at.stack.machines().get(at.machine.role)
    names = [name for service in running for name in service.packages(at)]
    names += section.packages if section else ()
    return Packages.of(names, at.stack.database.version)
