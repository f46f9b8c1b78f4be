"""What a service offers on the network, and what it needs of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Exposure(StrEnum):
    """Who may reach an endpoint."""

    PUBLIC = "public"
    """Everybody."""
    OPERATOR = "operator"
    """The operator: from the networks of `ssh_from` on a public machine, else through the
    bastion."""
    CONSUMERS = "consumers"
    """The machines whose services need this one."""
    MONITOR = "monitor"
    """The machine that Prometheus runs on. The endpoint has metrics at /metrics."""
    NETWORKS = "networks"
    """The endpoint's own `networks`."""


VRRP = "vrrp"
"""In the place of a port: the protocol of that name (112), which has none (RFC 5798)."""


@dataclass(frozen=True)
class Endpoint:
    """A TCP port, or VRRP, that a service listens on at the machine's private address."""

    name: str
    """Where it has metrics, also the name of the job that scrapes it."""
    port: int | str
    exposure: Exposure
    networks: Sequence[str] = ()
    """`203.0.113.0/24`, for NETWORKS."""


@dataclass(frozen=True)
class Need:
    """Another service without which a service cannot work."""

    service: str
    duty: str = ""
    """`primary`: only a machine with this duty will do. Empty: any machine."""
