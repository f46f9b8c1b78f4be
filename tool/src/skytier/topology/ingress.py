"""Ingress rules: which ports a role's security group opens, and for whom.

They follow from the endpoints and needs of the services, so no role lists another's ports.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from skytier.topology.endpoint import Endpoint, Exposure

ANYWHERE, ANYWHERE_IPV6 = "0.0.0.0/0", "::/0"
PRIVATE = "private"
"""Stands for the stack's machines as the remote of a rule: its private network, or a group of them
on a network that others use."""


def anywhere(*, ipv6: bool) -> list[str]:
    """Everybody, as remotes of rules: a rule of IPv4 lets nobody in by IPv6."""
    return [ANYWHERE, ANYWHERE_IPV6] if ipv6 else [ANYWHERE]


@dataclass(frozen=True)
class IngressRule:
    """A TCP port, or VRRP, that a security group opens, and for whom.

    `remote` is a network (`203.0.113.0/24`), the name of a role, whose machines may come, or
    PRIVATE.
    """

    port: int | str
    remote: str


@dataclass(frozen=True)
class Exposed:
    """A role as the network sees it."""

    public: bool
    """Whether its machines have floating IPs. The first such role is the bastion."""
    endpoints: Sequence[tuple[str, Endpoint]]
    """Each with the name of its service."""
    needs: frozenset[str]
    """The services that its machines need."""
    monitors: bool = False
    """Whether Prometheus runs on one of its machines."""
    fronts: str = ""
    """The role whose visitors come through this one."""
    through_first: bool = False
    """Whether operators enter its machines through the first one, which alone has an address for
    them."""
    single: bool = False
    """Whether there is never more than one machine, which needs no rule to reach itself."""


def ingress_rules(
    roles: Mapping[str, Exposed], ssh_from: Sequence[str], *, ipv6: bool = False
) -> dict[str, list[IngressRule]]:
    """The rules of each role. `ssh_from` are the operator's networks; `ipv6` is whether everybody
    may come by IPv6, too. Machines reach each other by IPv4."""
    named: dict[str, set[str]] = {}
    rules: dict[str, list[IngressRule]] = {}
    for name, role in roles.items():
        found = [
            IngressRule(endpoint.port, remote)
            for service, endpoint in role.endpoints
            for remote in _remotes(name, service, endpoint, roles, ssh_from, ipv6=ipv6)
        ]
        # Of groups that name each other in a circle one would have to be there before the others.
        circle = {each.remote for each in found if name in _reached(each.remote, named)} - {name}
        rules[name] = list(
            dict.fromkeys(
                replace(each, remote=PRIVATE) if each.remote in circle else each for each in found
            )
        )
        named[name] = {each.remote for each in rules[name]} - {name}
    return rules


def _reached(role: str, named: Mapping[str, set[str]]) -> set[str]:
    """The roles that a role's rules name, and those that theirs name."""
    found: set[str] = set()
    left = [role]
    while left:
        for other in named.get(left.pop(), ()):
            if other not in found:
                found.add(other)
                left.append(other)
    return found


def _remotes(
    name: str,
    service: str,
    endpoint: Endpoint,
    roles: Mapping[str, Exposed],
    ssh_from: Sequence[str],
    *,
    ipv6: bool,
) -> Iterator[str]:
    """Who may reach an endpoint of a role."""
    match endpoint.exposure:
        case Exposure.PUBLIC:
            yield from anywhere(ipv6=ipv6)
        case Exposure.NETWORKS:
            yield from endpoint.networks
        case Exposure.CONSUMERS:
            yield from (other for other, role in roles.items() if service in role.needs)
        case Exposure.MONITOR:
            yield from (
                other
                for other, role in roles.items()
                if role.monitors and not (other == name and role.single)
            )
        case Exposure.OPERATOR:
            bastion = next(other for other, role in roles.items() if role.public)
            # Behind a balancer, the role that would be the bastion without it stays one: a rule
            # that a group loses takes established connections with it.
            without_it = [role.fronts for role in roles.values() if role.fronts]
            if name != bastion:
                yield from (bastion, *without_it)
            else:
                others = without_it or roles[name].through_first
                yield from (*ssh_from, *([PRIVATE] if others else []))
