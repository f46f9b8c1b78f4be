"""Whether security groups guard the ports of a network: Neutron's port security. It is on where
there is no such extension."""

from collections.abc import Sequence
from typing import Any

from openstack.connection import Connection

from skytier.errors import SkytierError

EXTENSION = "port-security"


def without(conn: Connection, networks: Sequence[Any]) -> list[Any]:
    """Those networks of a list, as Neutron lists them, that have it switched off. One call of the
    API, if any may have."""
    # False also where Neutron does not tell.
    off = [each for each in networks if not each.is_port_security_enabled]
    if not off or EXTENSION not in {each.alias for each in conn.network.extensions()}:
        return []
    return off


def check(conn: Connection, key: str, network: Any) -> None:
    """Raises SkytierError where Neutron would refuse a port with security groups on a network that
    a key of the stack file names."""
    if without(conn, [network]):
        raise SkytierError(
            f"The network {network.name} has no port security, so Neutron refuses ports with "
            "security groups there, and nothing else guards the machines.",
            f"Name another network in the stack file: {key}. Or ask the owner of this one to "
            "switch port security on.",
        )
