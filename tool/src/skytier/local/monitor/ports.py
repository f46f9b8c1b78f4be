"""The ports on loopback of the monitor: free ones, kept from one run to the next."""

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

from skytier import files
from skytier.local.home import Home

HOST = "127.0.0.1"
_LOWEST = 10_000
"""Below are those of well-known services."""
_GIVEN_TO_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def remembered(home: Home) -> dict[str, int]:
    """Name to port, as they were assigned last."""
    path = home.etc / "ports.json"
    return json.loads(path.read_text()) if path.exists() else {}


def address(home: Home, name: str) -> str | None:
    """`127.0.0.1:PORT`; None when none was assigned to this name."""
    port = remembered(home).get(name)
    return f"{HOST}:{port}" if port else None


def assign(home: Home, names: Collection[str], held: Collection[str]) -> None:
    """Remember a port for each name: the one of before, if it is free or `held` by the name."""
    before = remembered(home)
    assigned = {name: before[name] for name in names if name in before}
    for name in names:
        if name not in assigned or (name not in held and not _free(assigned[name])):
            assigned[name] = _any_free(assigned.values())
    files.write(home.etc / "ports.json", json.dumps({**before, **assigned}, indent=2) + "\n", 0o600)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free(taken: Collection[int]) -> int:
    """One that the kernel gives to no connection before it is listened on, if there is any."""
    first = int(_GIVEN_TO_CONNECTIONS.read_text().split()[0])
    free = [port for port in range(_LOWEST, first) if port not in taken]
    random.shuffle(free)
    return next((port for port in free if _free(port)), None) or _given(taken)


def _given(taken: Collection[int]) -> int:
    """The kernel's choice."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
        # The next one is another, as long as this one is held.
        return port if port not in taken else _given(taken)
