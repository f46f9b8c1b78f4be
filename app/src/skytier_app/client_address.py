"""The address that a request comes from."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from fastapi import Request


def client_address(request: Request) -> IPv4Address | IPv6Address | None:
    """The client's address, without a zone; None without one, as by the unix socket.

    None also when it is no address: a trusted proxy may pass on what the client wrote, and that
    may be anything.
    """
    if request.client is None:
        return None
    try:
        return ip_address(request.client.host.partition("%")[0])
    except ValueError:
        return None
