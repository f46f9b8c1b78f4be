"""Who listens on a port, and by which names it is reached."""

import errno
import ipaddress
import socket
from dataclasses import dataclass

import psutil

from skytier.errors import SkytierError


@dataclass(frozen=True)
class Holder:
    """The process that has a port; both None when it is another user's and we may not know."""

    pid: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process of another user"
        return f"{self.name} (process {self.pid})"


def holder(bind: str, port: int) -> Holder | None:
    """Who keeps us from listening at an address; None when nobody does.

    Raises SkytierError when the address is not this machine's, or we may not listen there.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        # Connections that are just closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _listener(bind, port)
            raise _refused(bind, port, error) from error
    return None


def taken(bind: str, port: int, holder: Holder) -> SkytierError:
    """The error that a taken port is."""
    return SkytierError(
        f"The port {port} at {bind} is taken by {holder}.",
        f"Stop that process, or choose another port: skytier up --port {port + 1}",
    )


def names(bind: str) -> list[str]:
    """The host names by which browsers reach what listens at an address; the usual one first.

    >>> names("127.0.0.1")
    ['127.0.0.1', 'localhost']
    """
    address = ipaddress.ip_address(bind)
    found = [bind]
    if address.is_unspecified:
        families = {socket.AF_INET, *([socket.AF_INET6] if address.version == 6 else [])}
        interfaces = psutil.net_if_addrs().values()
        found = ["127.0.0.1", socket.gethostname()]
        found += [each.address for one in interfaces for each in one if each.family in families]
    hosts = [f"[{name}]" if ":" in name else name for name in found if "%" not in name]
    return list(dict.fromkeys([*hosts, "localhost"]))


def _refused(bind: str, port: int, error: OSError) -> SkytierError:
    if error.errno == errno.EACCES:
        return SkytierError(
            f"Only root may listen on the port {port}.",
            "Choose one from 1024 on: skytier up --port 8000",
        )
    return SkytierError(
        f"This machine cannot listen at the address {bind}: {error.strerror}.",
        "Choose an address that it has: skytier up --bind 127.0.0.1",
    )


def _listener(bind: str, port: int) -> Holder:
    for connection in psutil.net_connections("tcp"):
        local = connection.laddr
        if connection.status != psutil.CONN_LISTEN or not local or local.port != port:
            continue
        if connection.pid and _overlap(local.ip, bind):
            try:
                return Holder(connection.pid, psutil.Process(connection.pid).name())
            except psutil.NoSuchProcess:
                continue
    return Holder()


def _overlap(one: str, other: str) -> bool:
    first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    return first == second or first.is_unspecified or second.is_unspecified
