"""Places for the application's process: the next one starts beside the one that serves.

Nginx connects to one path, `application.sock`. It is a link to the socket of one slot, so a switch
is one rename: a connection reaches the old process or the new one, and none is refused. The old one
finishes its requests by itself, and nobody waits for it.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from skytier import files
from skytier.local import process
from skytier.local.daemon import Daemon
from skytier.local.home import Home
from skytier.poll import until

LETTERS = "abcdef"
"""More than one release may be finishing its requests."""
CONNECTING = "02"
"""In the kernel's table: a connection that is not accepted."""
IDLE_TIMEOUT_S = 3.0
"""How long a server takes at most to close its idle connections; Gunicorn looks once a second."""
STOP_TIMEOUT_S = 35.0
"""A little more than the application gives to requests in flight."""


@dataclass(frozen=True)
class Slot:
    """A process with a socket and counters of its own."""

    home: Home
    letter: str

    @property
    def daemon(self) -> Daemon:
        """Its process. All slots write to one log."""
        return Daemon(self.home, "application", self._record)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.home.run / f"application-{self.letter}.sock"

    @property
    def metrics(self) -> Path:
        """The directory of its counters."""
        return self.home.run / f"metrics-{self.letter}"

    @property
    def is_used(self) -> bool:
        """Whether there is something of a process."""
        return self.daemon.was_started

    def stop(self) -> None:
        """End it; requests in flight are finished first."""
        self.daemon.stop(signal.SIGTERM, STOP_TIMEOUT_S)
        # Nobody binds to a socket that a killed process left behind.
        self.socket.unlink(missing_ok=True)

    def finish(self) -> None:
        """Have it end once its requests are finished, and do not wait for slow ones.

        Connections that it has yet to accept would be lost with its socket: these are waited for.
        So are a few seconds, in which it closes the idle connections that Nginx keeps to it:
        requests on them would still get its answers.
        """
        if pid := self.daemon.state().pid:
            until(lambda: not self._waiting(), STOP_TIMEOUT_S, every_s=0.05)
            os.utime(self._file)
            leader = psutil.Process(pid)
            leader.send_signal(signal.SIGTERM)
            process.wait([leader], IDLE_TIMEOUT_S)

    def tidy(self) -> None:
        """Forget it once it has ended. It is killed when it takes longer than it may."""
        state = self.daemon.state()
        late = time.time() - self._file.stat().st_mtime > STOP_TIMEOUT_S
        # One that was never ready never served.
        if not state.pid or not state.config or late:
            self.stop()

    def _waiting(self) -> int:
        """The number of connections that nobody accepted yet; 0 where the kernel does not say."""
        table = Path("/proc/net/unix")
        if not table.exists():
            return 0
        rows = [line.split() for line in table.read_text(errors="replace").splitlines()]
        return sum(row[5:6] == [CONNECTING] and row[7:] == [str(self.socket)] for row in rows)

    @property
    def _record(self) -> str:
        # The first one is named as when there was only one.
        return "application" if self.letter == LETTERS[0] else f"application-{self.letter}"

    @property
    def _file(self) -> Path:
        return self.home.run / f"{self._record}.json"


class Slots:
    """The slot that serves, and the others."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._all = [Slot(home, letter) for letter in LETTERS]

    @property
    def serving(self) -> Slot:
        """The one that the link leads to; the first one where there is no link."""
        link = self._home.application_socket
        leads = link.readlink().name if link.is_symlink() else ""
        return next((each for each in self._all if each.socket.name == leads), self._all[0])

    @property
    def others(self) -> Sequence[Slot]:
        """Those in which there is something: they finish their requests, or were interrupted."""
        serving = self.serving
        return [each for each in self._all if each != serving and each.is_used]

    def free(self) -> Slot:
        """One for the next process. What has ended in the others is forgotten."""
        for each in self.others:
            each.tidy()
        used = [*self.others, self.serving]
        if len(used) == len(self._all):
            used[0].stop()
            return used[0]
        slot = next(each for each in self._all if each not in used)
        # One that was started and is not known any more would answer in the place of the next one.
        slot.socket.unlink(missing_ok=True)
        return slot

    def switch_to(self, slot: Slot) -> None:
        """Have what Nginx connects to be a slot's socket, in one step."""
        files.link(self._home.application_socket, Path(slot.socket.name))
