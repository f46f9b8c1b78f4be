"""The address that two balancers share: what holds it, who may use it, and what leads to it."""

from collections.abc import Sequence
from dataclasses import replace

from skytier.deploy.kind import Key, Known, Wanted
from skytier.openstack.entry_point import FRONT, leads_to
from skytier.openstack.plan import private_network
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.project import Project


def wanted(
    resolved: ResolvedStack, project: Project, known: Known, after: Sequence[Key]
) -> list[Wanted]:
    """What holds the address, and the floating IP that leads to it once all of `after` is well.

    The address stays for as long as the floating IP still leads to it.
    """
    if not resolved.shares_address(known):
        return []
    shared, way_out = resolved.virtual_address(), private_network.way_out(resolved)
    # No machine has it, so no group guards it.
    made = [private_network.port(resolved, project, shared, groups=())]
    if resolved.stack.shares_address and resolved.stack.has_floating_ips:
        made.append(
            Wanted(
                Key(FloatingIP.name, shared.name),
                {"port": shared, "tags": project.tags},
                {"external_network": resolved.choices.external_network.id},
                needs=[shared, *way_out],
                after=after,
            )
        )
    return made


def allowed(resolved: ResolvedStack, known: Known, role: str, port: Wanted) -> Wanted:
    """The port of a machine, which may use the address if it is a balancer that shares it."""
    if role != FRONT:
        return port
    pairs = [resolved.virtual_address()] if resolved.shares_address(known) else []
    attributes = {**port.attributes, "address_pairs": pairs}
    return replace(port, attributes=attributes, needs=[*port.needs, *pairs])


def ssh_address(
    resolved: ResolvedStack, project: Project, known: Known, role: str, number: int
) -> Wanted:
    """The floating IP of a machine's own, for operators, where visitors come to another address."""
    port, entry = resolved.key("port", role, number), resolved.entry_point()
    # Neutron leads one floating IP to an address, so that of the entry point has to move before.
    first = [entry] if leads_to(entry, known) == port.name else []
    return Wanted(
        resolved.ssh_address(role, number),
        {"port": port, "tags": project.tags},
        {"external_network": resolved.choices.external_network.id},
        needs=[port, *private_network.way_out(resolved), *first],
    )
