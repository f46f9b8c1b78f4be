"""What a stack takes of a project's quotas, and what it has of it already."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from skytier.deploy.plan import Action, Step
from skytier.openstack.catalog import has_load_balancers, has_volumes
from skytier.openstack.choices.flavor import Flavor
from skytier.openstack.choices.quota import Amounts
from skytier.openstack.plan.desired import is_spread
from skytier.openstack.resources.baked_image import BakedImage
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.key_pair import KeyPair
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.network import Network
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.project import Project
from skytier.openstack.resources.public_port import PublicPort
from skytier.openstack.resources.root_volume import RootVolume
from skytier.openstack.resources.router import Router
from skytier.openstack.resources.security_group import SecurityGroup
from skytier.openstack.resources.server import Server
from skytier.openstack.resources.server_group import ServerGroup
from skytier.openstack.resources.subnet import Subnet
from skytier.openstack.resources.virtual_port import VirtualPort
from skytier.openstack.resources.volume import Volume
from skytier.roles import ROLES, ingress_rules
from skytier.roles.role import public_role
from skytier.stackfile import StackFile

_OUTGOING_RULES = 2
"""Neutron begins every security group with a rule for IPv4 and one for IPv6."""
_OWN_PORTS = 2
"""Besides the machines': the router's, and the one that DHCP (or OVN for metadata) takes."""
_IPV6_PORTS = 1
"""The router has a port of its own for a subnet of IPv6."""
_VOLUMES = (Volume.name, RootVolume.name)
_LOCK_GROUPS = 1
"""The stack's lock is a security group while a command works."""


def whole_plan(
    stack: StackFile, flavors: Mapping[str, Flavor], roots: Mapping[str, int] | None = None
) -> Amounts:
    """All that a stack takes when nothing of it is there.

    `flavors` and `roots`, the GiB of the volume that a server boots from, are by role.

    >>> small = Flavor("1", "m1.small", vcpus=1, ram_mib=2048, disk_gib=20)
    >>> plan = whole_plan(StackFile(), {"web": small, "database": small})
    >>> plan.instances, plan.cores, plan.ram_mib, plan.ports, plan.floating_ips
    (2, 2, 4096, 4, 1)
    """
    machines = {role: section.machines for role, section in stack.machines().items()}
    # While an image is baked, there is a server more.
    servers, roots = Counter(machines) + Counter(stack.baked()), roots or {}
    count = sum(servers.values())
    spread = [machines[role] for role in machines if is_spread(stack, role)]
    public = 1 if stack.has_load_balancer else machines[public_role(stack, ROLES)]
    # The address that visitors come to is none of a machine's.
    held = int(stack.shares_address or stack.has_load_balancer)
    own = 0 if stack.network else 1
    own_ipv6 = own if stack.ipv6 else 0
    # On a network of others a group more tells the stack's machines.
    groups = len(machines) + _LOCK_GROUPS + bool(stack.baked()) + bool(stack.network)
    groups += stack.has_public_ports
    return Amounts(
        instances=count,
        cores=sum(flavors[role].vcpus * number for role, number in servers.items()),
        ram_mib=sum(flavors[role].ram_mib * number for role, number in servers.items()),
        ports=count
        + own * _OWN_PORTS
        + own_ipv6 * _IPV6_PORTS
        + held
        + (public if stack.has_public_ports else 0),
        # Operators have one of their own then, for each balancer or the first web server.
        floating_ips=public + held - (1 if stack.floating_ip else 0)
        if stack.has_floating_ips
        else 0,
        security_groups=groups,
        security_group_rules=_rules(stack, groups),
        networks=own,
        subnets=own + own_ipv6,
        routers=int(stack.makes_router),
        server_groups=len(spread),
        server_group_members=max(spread, default=0),
        volumes=sum(machines[role] for role in stack.volumes())
        + sum(machines[role] for role, gib in roots.items() if gib),
        gigabytes=sum(machines[role] * gib for role, gib in stack.volumes().items())
        + sum(machines[role] * gib for role, gib in roots.items()),
        load_balancers=int(stack.has_load_balancer),
    )


def _rules(stack: StackFile, groups: int) -> int:
    return groups * _OUTGOING_RULES + sum(map(len, ingress_rules(stack).values()))


def of_steps(steps: Iterable[Step], flavors: Mapping[str, Flavor]) -> Amounts:
    """What the steps of a plan take more than there is. `flavors` is by role.

    What is replaced is deleted first, and takes nothing more. A larger flavor takes what it is
    larger by, and so does a volume that grows.
    """
    steps = list(steps)
    made = [
        step.wanted
        for step in steps
        if step.action is Action.CREATE and step.wanted is not None
        # That of a server that is replaced goes before.
        if step.key.kind != RootVolume.name or step.found is None
    ]
    grown = [
        (flavors[step.wanted.creation["role"]], step.found.facts)
        for step in steps
        if step.wanted and step.found and any(c.attribute == "flavor" for c in step.changes)
    ]
    kinds = Counter(wanted.key.kind for wanted in made)
    booted = (Server.name, BakedImage.name)
    roles = [wanted.creation["role"] for wanted in made if wanted.key.kind in booted]
    # The lock's group is made before anything else, and stays for as long as the stack does.
    own = any(step.key.kind == Network.name for step in steps)
    begins = kinds[Network.name] or (kinds[KeyPair.name] and not own)
    groups = kinds[SecurityGroup.name] + (_LOCK_GROUPS if begins else 0)
    rules = [w.attributes["rules"] for w in made if w.key.kind == SecurityGroup.name]
    return Amounts(
        instances=len(roles),
        cores=sum(flavors[role].vcpus for role in roles)
        + sum(max(0, flavor.vcpus - now["vcpus"]) for flavor, now in grown),
        ram_mib=sum(flavors[role].ram_mib for role in roles)
        + sum(max(0, flavor.ram_mib - now["ram_mib"]) for flavor, now in grown),
        ports=sum(
            kinds[kind] for kind in (Port.name, PublicPort.name, VirtualPort.name, BakedImage.name)
        )
        + (_OWN_PORTS if kinds[Network.name] else 0)
        + sum(_IPV6_PORTS for w in made if w.key.kind == Subnet.name and w.creation.get("ipv6")),
        floating_ips=kinds[FloatingIP.name],
        security_groups=groups,
        security_group_rules=groups * _OUTGOING_RULES + sum(map(len, rules)),
        networks=kinds[Network.name],
        subnets=kinds[Subnet.name],
        routers=kinds[Router.name],
        server_groups=kinds[ServerGroup.name],
        server_group_members=_members(steps),
        volumes=sum(kinds[kind] for kind in _VOLUMES),
        gigabytes=sum(w.attributes["size_gib"] for w in made if w.key.kind in _VOLUMES)
        + sum(_grows_by(step) for step in steps if step.key.kind in _VOLUMES),
        load_balancers=kinds[LoadBalancer.name],
    )


def _grows_by(step: Step) -> int:
    """How many GiB a volume has more than the one that is there; also one that takes its place."""
    if not step.wanted or not step.found:
        return 0
    more_gib: int = step.wanted.attributes["size_gib"] - step.found.attributes["size_gib"]
    return max(0, more_gib)


def _members(steps: Iterable[Step]) -> int:
    """How many the largest group has, of those that get a new member."""
    servers = [s for s in steps if s.wanted and s.wanted.creation.get("group")]
    growing = {s.wanted.creation["group"] for s in servers if s.wanted and _is_new(s)}
    sizes = Counter(s.wanted.creation["group"] for s in servers if s.wanted)
    return max((sizes[group] for group in growing), default=0)


def _is_new(step: Step) -> bool:
    return step.action in (Action.CREATE, Action.REPLACE)


def quota_in_use(project: Project) -> Amounts:
    """What a stack has in its project already, by its mark.

    Nine lists of the API, one more with Cinder, and with Octavia.
    """
    conn = project.connection
    network = conn.network

    def marked(kind: Any) -> list[Any]:
        return list(kind(description=project.mark, project_id=project.id))

    servers = project.servers()
    volumes = [
        volume
        for volume in (conn.block_storage.volumes(details=True) if has_volumes(conn) else ())
        if project.owns(volume.metadata or {})
    ]
    groups, networks = marked(network.security_groups), marked(network.networks)
    # On a network that is given only some are the stack's; on its own one all are.
    ports = {each.id for each in project.ports()} | {
        port.id
        for each in networks
        for port in network.ports(network_id=each.id, project_id=project.id)
    }
    return Amounts(
        instances=len(servers),
        cores=sum(server.flavor.vcpus or 0 for server in servers),
        ram_mib=sum(server.flavor.ram or 0 for server in servers),
        ports=len(ports),
        floating_ips=len(marked(network.ips)),
        security_groups=len(groups),
        security_group_rules=sum(len(group.security_group_rules or []) for group in groups),
        networks=len(networks),
        subnets=len(marked(network.subnets)),
        routers=len(marked(network.routers)),
        server_groups=len(list(ServerGroup(project).find())),
        volumes=len(volumes),
        gigabytes=sum(volume.size for volume in volumes),
        load_balancers=_load_balancers(project),
    )


def _load_balancers(project: Project) -> int:
    if not has_load_balancers(project.connection):
        return 0
    return len(LoadBalancer(project, there=True).marked())
