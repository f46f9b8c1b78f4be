"""The web servers as the balancer sees them, and what that allows. Pure.

A load balancer of the cloud has words of its own for the same (Octavia's operating status).
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from skytier.render import render

_SERVES = frozenset({"UP", "ONLINE"})
_UNCHECKED = frozenset({"no check", "NO_MONITOR"})


@dataclass(frozen=True)
class Seen:
    """A web server in the balancer's view."""

    address: str
    """Where the balancer asks it: `192.168.128.10:8080`."""
    status: str
    """`UP`, `UP 1/2` (its last check failed), `DOWN`, `NOLB` (drained), `MAINT` and so on. Of a
    load balancer `ONLINE`, `OFFLINE`, and `ERROR` for one that is drained, too."""
    check: str = ""
    """What its last check found: `L7OK/200`."""

    @property
    def serves(self) -> bool:
        """Whether it gets requests, and its last check was good."""
        return self.status in _SERVES

    @property
    def gets_requests(self) -> bool:
        """Also while a check or two fail."""
        return self.status.startswith("UP") or self.status in _SERVES | _UNCHECKED

    @property
    def is_drained(self) -> bool:
        """Whether it says itself that it wants no new requests."""
        return self.status.startswith("NOLB")

    def __str__(self) -> str:
        return "drained" if self.is_drained else f"{self.status} {self.check}".strip()


View = Mapping[str, Seen]
"""Web servers by their names: those that the balancer was told of."""


def question(socket: str) -> str:
    """A script for root on the balancer, which prints what `read` reads."""
    return render(__package__, "view.sh", socket=socket)


def read(said: str) -> View | None:
    """What the balancer said: the CSV of HAProxy's `show stat`. None where HAProxy does not run."""
    if not said.strip():
        return None
    rows = csv.DictReader(io.StringIO(said))
    return {
        row["svname"]: Seen(row["addr"], row["status"], f"{row['check_status']} {row['last_chk']}")
        for row in rows
    }


def missing(view: View | None, name: str, address: str = "") -> Seen | None:
    """A web server that the balancer does not send requests to yet; None once it does.

    None also where there is nothing to wait for: HAProxy does not run, or Octavia does not tell; or
    the balancer is told later of the web server, or of its present address.
    """
    seen = (view or {}).get(name)
    if seen is None or seen.serves:
        return None
    return None if address and seen.address.rpartition(":")[0] != address else seen


def others_out(view: View | None, name: str) -> View:
    """The other web servers, where none of them serves and this one gets requests: it must stay.

    Empty where it may be taken out. So it may where it gets no requests anyway, and where the
    balancer has no other one: a single web server is away while it is changed.
    """
    seen = dict(view or {})
    own = seen.pop(name, None)
    if own is None or not own.gets_requests or any(each.serves for each in seen.values()):
        return {}
    return seen
