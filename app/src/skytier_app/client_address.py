"""The address that a request comes from."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from fastapi import Request

Address = IPv4Address | IPv6Address


def client_address(request: Request) -> Address | None:
    """The client's address, without a zone; IPv4 also where it is written as IPv6.

    None when there is none, as at the unix socket, and when it is no address: a trusted proxy may
    pass on what the client wrote.
    """
    client = request.scope.get("client")
    return _parsed(client[0]) if client else None


@lru_cache(maxsize=4096)
def _parsed(host: str) -> Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
