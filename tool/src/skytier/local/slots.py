"""Two places for the application's process: the next one starts beside the one that serves.

Nginx connects to one path, `application.sock`. It is a link to the socket of one slot, so a switch
is one rename: a connection reaches the old process or the new one, and none is refused.
"""

import signal
from dataclasses import dataclass
from pathlib import Path

from skytier import files
from skytier.local.daemon import Daemon
from skytier.local.home import Home

FIRST, SECOND = "a", "b"
STOP_TIMEOUT_S = 35.0
"""A little more than the application gives to requests in flight."""


@dataclass(frozen=True)
class Slot:
    """A process with a socket and counters of its own."""

    home: Home
    letter: str

    @property
    def daemon(self) -> Daemon:
        """Its process. Both slots write to one log."""
        # The first one is named as before there were two.
        record = "application" if self.letter == FIRST else f"application-{self.letter}"
        return Daemon(self.home, "application", record)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.home.run / f"application-{self.letter}.sock"

    @property
    def metrics(self) -> Path:
        """The directory of its counters."""
        return self.home.run / f"metrics-{self.letter}"

    def stop(self) -> None:
        """Requests in flight are finished first."""
        self.daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S)
        # Nobody binds to a socket that a killed process left behind.
        self.socket.unlink(missing_ok=True)


class Slots:
    """The slot that serves, and the other one."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._both = (Slot(home, FIRST), Slot(home, SECOND))

    @property
    def serving(self) -> Slot:
        """The one that the link leads to; the first one where there is no link."""
        link = self._home.application_socket
        leads = link.readlink().name if link.is_symlink() else ""
        return next((each for each in self._both if each.socket.name == leads), self._both[0])

    @property
    def other(self) -> Slot:
        """The one that a switch would start in."""
        return next(each for each in self._both if each != self.serving)

    def switch_to(self, slot: Slot) -> None:
        """Have what Nginx connects to be a slot's socket, in one step."""
        files.link(self._home.application_socket, Path(slot.socket.name))
