"""Ingress rules: which ports a role's security group opens, and for whom.

They follow from the endpoints and needs of the services, so no role lists another's ports.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skytier.topology.endpoint import Endpoint, Exposure

ANYWHERE = "0.0.0.0/0"
PRIVATE = "private"
"""Stands for the stack's private network as the remote of a rule."""


@dataclass(frozen=True)
class IngressRule:
    """A TCP port that a security group opens, and for whom.

    `remote` is a network (`203.0.113.0/24`), the name of a role, whose machines may come, or
    PRIVATE.
    """

    port: int
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
    single: bool = False
    """Whether there is never more than one machine, which needs no rule to reach itself."""


def ingress_rules(
    roles: Mapping[str, Exposed], ssh_from: Sequence[str]
) -> dict[str, list[IngressRule]]:
    """The rules of each role. `ssh_from` are the operator's networks."""
    return {
        name: [
            IngressRule(endpoint.port, remote)
            for service, endpoint in role.endpoints
            for remote in _remotes(name, service, endpoint, roles, ssh_from)
        ]
        for name, role in roles.items()
    }


def _remotes(
    name: str,
    service: str,
    endpoint: Endpoint,
    roles: Mapping[str, Exposed],
    ssh_from: Sequence[str],
) -> Iterator[str]:
    """Who may reach an endpoint of a role."""
    match endpoint.exposure:
        case Exposure.PUBLIC:
            yield ANYWHERE
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
            yield from ssh_from if roles[name].public else [_bastion(name, roles)]


def _bastion(name: str, roles: Mapping[str, Exposed]) -> str:
    """Whom a role that is not public lets in by SSH.

    The bastion's group lets a monitor of its own in, and of two groups that name each other one
    would have to be there before the other: so that role takes the private network.
    """
    bastion = next(other for other, role in roles.items() if role.public)
    return PRIVATE if roles[name].monitors else bastion
