"""Where the application listens."""

import os
import shutil
import socket
from pathlib import Path

_FIRST = 3  # as in sd_listen_fds(3)
_WAITING = 2048  # connections, as in Uvicorn


def inherited() -> list[socket.socket]:
    """The sockets that systemd passes, and keeps open while this process is replaced."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    number = int(os.environ.get("LISTEN_FDS", "1"))
    return [socket.socket(fileno=_FIRST + each) for each in range(number)]


def unix_socket(path: Path, group: str | None = None) -> socket.socket:
    """A unix socket that only this process's user may connect to, and the members of a group.

    Raises OSError when it cannot be made, LookupError when there is no such group.
    """
    made = socket.socket(socket.AF_UNIX)
    # From the start: a connection that was accepted stays, whatever the mode becomes.
    before = os.umask(0o177)
    try:
        made.bind(os.fspath(path))
    finally:
        os.umask(before)
    if group:
        shutil.chown(path, group=group)
        path.chmod(0o660)
    # Who connects before the application has started waits for it, and is not refused.
    made.listen(_WAITING)
    return made
