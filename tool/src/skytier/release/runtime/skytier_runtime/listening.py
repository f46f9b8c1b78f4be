"""The sockets that the application serves at."""

import os
import shutil
import socket
from pathlib import Path

_FIRST = 3  # as in sd_listen_fds(3)
_WAITING = 2048  # connections


def sockets() -> list[socket.socket]:
    """Those that systemd passes; else one of its own, at SKYTIER_UDS or SKYTIER_HOST."""
    if inherited := from_systemd():
        return inherited
    if path := os.environ.get("SKYTIER_UDS"):
        return [_unix(path, os.environ.get("SKYTIER_UDS_GROUP"))]
    host, port = os.environ["SKYTIER_HOST"], int(os.environ["SKYTIER_PORT"])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return [socket.create_server((host, port), family=family, backlog=_WAITING)]


def from_systemd() -> list[socket.socket]:
    """The sockets of this process by the protocol of systemd; none for other processes."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    number = int(os.environ.get("LISTEN_FDS", "1"))
    return [socket.socket(fileno=_FIRST + each) for each in range(number)]


def hand_over(sockets: list[socket.socket]) -> None:
    """Pass sockets to the program that this process becomes, as systemd does."""
    # First out of the way, since one may have the number of another.
    moved = [os.dup(each.fileno()) for each in sockets]
    high = [os.dup2(number, 1000 + place) for place, number in enumerate(moved)]
    for place, number in enumerate(high):
        os.dup2(number, _FIRST + place, inheritable=True)
    for each in sockets:
        each.detach()
    os.environ["LISTEN_FDS"] = str(len(sockets))
    os.environ["LISTEN_PID"] = str(os.getpid())


def _unix(path: str, group: str | None) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    # From the start: a connection that was accepted stays, whatever the mode becomes.
    before = os.umask(0o177)
    try:
        made.bind(path)
    finally:
        os.umask(before)
    if group:
        shutil.chown(path, group=group)
        Path(path).chmod(0o660)
    made.listen(_WAITING)
    return made
