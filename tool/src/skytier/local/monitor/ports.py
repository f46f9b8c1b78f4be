"""The ports on loopback of the monitor: free ones, kept from one run to the next."""

import json
import socket
from collections.abc import Collection

from skytier import files
from skytier.local.home import Home

HOST = "127.0.0.1"


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
            assigned[name] = _any_free()
    files.write(home.etc / "ports.json", json.dumps({**before, **assigned}, indent=2) + "\n", 0o600)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
