"""What the machine says of itself: its way out and its resolver. Neither is ever changed."""

import ipaddress
import json
from pathlib import Path

from devcloud import command


def default_device() -> str | None:
    """The device of the IPv4 default route; None when there is no way out."""
    routes = json.loads(command.run(["ip", "-json", "-4", "route", "show", "default"]) or "[]")
    devices = [route["dev"] for route in routes if "dev" in route]
    return str(devices[0]) if devices else None


def mtu() -> int:
    """The largest packet, in bytes, that the way out takes."""
    device = default_device()
    return int(Path(f"/sys/class/net/{device}/mtu").read_text()) if device else 1500


def resolvers() -> list[str]:
    """The IPv4 resolvers that guests can reach too: none on the loopback."""
    found = []
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if words[:1] != ["nameserver"] or len(words) < 2:
            continue
        address = ipaddress.ip_address(words[1].partition("%")[0])
        if address.version == 4 and not address.is_loopback:
            found.append(str(address))
    return found
