"""Where the IPv6 addresses of a stack's machines come from: a prefix of the operator's, or a subnet
pool of the cloud's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from skytier.errors import SkytierError
from skytier.listing import nearest_first
from skytier.stackfile import StackFile

PREFIX_LENGTH = 64
"""The bits of a network in which machines make their addresses by themselves (SLAAC)."""
NAME_ONE = (
    'Name a pool in the stack file, ipv6_pool = "...", or a network that your provider leads to '
    'the router of the stack: ipv6_cidr = "2001:db8:1::/64"'
)


@dataclass(frozen=True)
class Pool:
    """A subnet pool of Neutron that gives IPv6 networks of 64 bits."""

    id: str
    name: str
    default: bool = False
    """Whether it is the one that the cloud takes where none is named."""


def offered(conn: Connection, stack: StackFile) -> list[Pool]:
    """The pools that the project sees, by one list of the API; none where none is needed."""
    if not stack.ipv6 or stack.network or stack.ipv6_cidr:
        return []
    return [
        Pool(each.id, each.name, bool(each.is_default))
        for each in conn.network.subnet_pools(ip_version=6)
        if _gives_networks(each)
    ]


def _gives_networks(pool: Any) -> bool:
    smallest, largest = pool.minimum_prefix_length or 0, pool.maximum_prefix_length or 128
    return int(smallest) <= PREFIX_LENGTH <= int(largest)


def choose(pools: Sequence[Pool], stack: StackFile) -> Pool | None:
    """The pool that is named, or the default one; None where there is none, or none is needed.

    Raises SkytierError for a name that none has, or several have.
    """
    if not stack.ipv6_pool:
        return next((each for each in pools if each.default), None)
    named = [p for p in pools if p.name == stack.ipv6_pool]
    found = named or [p for p in pools if p.id == stack.ipv6_pool]
    if not found:
        names = nearest_first(stack.ipv6_pool, [each.name for each in pools])
        raise SkytierError(
            f"This project sees no subnet pool {stack.ipv6_pool!r} that gives IPv6 networks of "
            f"{PREFIX_LENGTH} bits. It sees {names}.",
            "Name another in the stack file: ipv6_pool.",
        )
    if len(found) > 1:
        raise SkytierError(
            f"Several subnet pools are called {stack.ipv6_pool!r}: "
            f"{', '.join(each.id for each in found)}.",
            "Name one by its id in the stack file: ipv6_pool.",
        )
    return found[0]


def no_prefix() -> SkytierError:
    """The error of a new stack for whose IPv6 addresses there is nothing to take them from."""
    return SkytierError(
        "The stack file asks for IPv6, and the cloud has no default subnet pool for it.", NAME_ONE
    )
