"""Load balancers of a cluster, as Octavia's amphorae: a HAProxy that is told what Octavia tells it.

It is beside the machines, in a network namespace of its own.
"""

import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from skytier.deploy.kind import Found, Known, Tell, Wanted
from skytier.services.haproxy import view
from tests.cluster.container import Container, Network
from tests.cluster.kinds import Recorded

HAPROXY = "/usr/sbin/haproxy"
# As octavia/common/jinja/haproxy/combined_listeners/templates of Octavia has it.
_BEGIN = """\
global
    stats socket {home}/socket mode 600 level admin
    stats timeout 10s
    server-state-file {home}/state
defaults
    load-server-state-from-file global
    timeout connect 5000
    timeout client {protocol_idle}
    timeout server {protocol_idle}
    retries 3
    option redispatch
"""
_LISTENER = """\
frontend visitors-{protocol_port}
    bind :{protocol_port}
    mode tcp
    default_backend web-{protocol_port}
backend web-{protocol_port}
    mode tcp
    balance leastconn
    timeout check {timeout}s
    option httpchk {http_method} {url_path} HTTP/1.0
    http-check expect rstatus {expected}
"""
_MEMBER = (
    "    server {name} {address}:{protocol_port} weight {weight} check inter {delay}s "
    "fall {max_retries_down} rise {max_retries} port {monitor_port} send-proxy\n"
)


@dataclass
class Amphorae(Recorded):
    """The kind of the load balancer. It answers as Octavia what it thinks of members."""

    network: Callable[[], Network] = lambda: Network("", "")
    home: Path = Path()
    address: str = ""
    process: subprocess.Popen[bytes] | None = None
    names: Sequence[str] = field(default_factory=list)

    @property
    def place(self) -> Container:
        """Where it is: no machine boots there."""
        return Container("shop-load-balancer", self.address, self.home / "shop-load-balancer")

    def create(self, wanted: Wanted, known: Known) -> Found:
        place = self.place
        place.home.mkdir()
        self.network().connect(place)
        return super().create(wanted, known)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """One that runs is replaced without a connection that is lost, as in an amphora."""
        home = self.place.home
        text = _BEGIN.format(
            home=home, protocol_idle=wanted.attributes["listeners"][0]["timeout_client_data"]
        )
        asked = wanted.attributes
        monitors = {each["listener"]: each for each in asked["monitors"]}
        assert {each["protocol"] for each in asked["listeners"]} == {"TCP"}
        assert {each["protocol"] for each in asked["pools"]} == {"PROXY"}
        for listener in asked["listeners"]:
            monitor = monitors[listener["protocol_port"]]
            text += _LISTENER.format(**listener | monitor, expected=_expanded(monitor))
            for member in asked["members"]:
                if member["listener"] == listener["protocol_port"]:
                    name, address = member["port"].name, known[member["port"]].facts["address"]
                    text += _MEMBER.format(**monitor | member, name=name, address=address)
        (home / "haproxy.cfg").write_text(text)
        former = self.process
        (home / "state").write_text(self._asked("show servers state") if former else "")
        replaces = ["-sf", str(former.pid)] if former else []
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.place.namespace),
                *(HAPROXY, "-f", f"{home}/haproxy.cfg", *replaces),
            ]
        )
        if former:
            former.wait(60)
        return super().reconcile(wanted, found, known, tell)

    def delete(self, found: Found, tell: Tell) -> None:
        super().delete(found, tell)
        self.end()

    def end(self) -> None:
        """It is gone."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            subprocess.run(["ip", "netns", "delete", self.place.namespace], check=False)

    def seen(self) -> dict[str, bool]:
        """Web server to whether its HAProxy sends it connections, whatever port they come to."""
        serves: dict[str, bool] = {}
        for name, each in (pair for pool in self._pools() for pair in self._view(pool).items()):
            serves[name] = each.serves and serves.get(name, True)
        return serves

    def listeners(self, project_id: str) -> list[Any]:
        return []

    def health_monitors(self, project_id: str) -> list[Any]:
        return []

    def pools(self, project_id: str) -> list[Any]:
        return [
            SimpleNamespace(id=pool, loadbalancers=[{"id": each.id}])
            for each in self.there.values()
            for pool in self._pools()
        ]

    def members(self, pool: str) -> list[Any]:
        return [
            SimpleNamespace(
                address=each.address.rpartition(":")[0],
                operating_status="ONLINE" if each.serves else "ERROR",
            )
            for each in self._view(pool).values()
        ]

    def _pools(self) -> list[str]:
        """The backends of its HAProxy: one of each listener."""
        lines = (self.place.home / "haproxy.cfg").read_text().splitlines()
        return [line.split()[1] for line in lines if line.startswith("backend ")]

    def _view(self, pool: str) -> view.View:
        return view.read(self._asked(f"show stat {pool} 4 -1").removeprefix("# ")) or {}

    def _asked(self, question: str) -> str:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(f"{self.place.home}/socket")
            asked.sendall(f"{question}\n".encode())
            return b"".join(iter(lambda: asked.recv(65536), b"")).decode()


def _expanded(monitor: Mapping[str, Any]) -> str:
    """A range of expected codes, as an amphora's template has it: each of them."""
    first, last = map(int, monitor["expected_codes"].split("-"))
    return "|".join(str(code) for code in range(first, last + 1))
