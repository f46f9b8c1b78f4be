"""HAProxy on the balancer."""

from collections.abc import Sequence

from skytier.render import render
from skytier.services.application.service import site
from skytier.services.certificate import certificate
from skytier.services.certificate.certificate import TlsServer
from skytier.services.nginx.service import BEHIND, EDGE, HEALTH
from skytier.services.service import ETC, UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Machine, Need

PACKAGE = "skytier.services.haproxy"
CONFIG = f"{ETC}/haproxy.cfg"
HTTP = EDGE[0].port
ANSWER = 404
"""What HAProxy itself answers at HEALTH, which is for nobody else."""
SOCKET = "/run/haproxy/admin.sock"
"""Where root asks and tells it at run time."""
KEEP = "/usr/local/lib/skytier/haproxy-keep-servers"
KEPT = "/var/lib/skytier/haproxy.servers"
"""What its checks have found of the web servers, for its next process; also after a boot."""
METRICS_PORT = 8405
MEMORY_PER_CONNECTION_KIB = 64
"""HAProxy's two buffers of 16 KiB for each side of a connection, and TLS."""
WEB = Need("nginx")
SERVER = TlsServer(
    title="HAProxy",
    unit="haproxy",
    last_words="journalctl -q --unit=haproxy --lines=4 --no-pager --output=cat",
)


class HAProxy(Service):
    """Distributes the requests of visitors, and ends their TLS."""

    name = "haproxy"
    units = ("haproxy",)

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The web servers."""
        return [WEB]

    def packages(self, at: Placement) -> Sequence[str]:
        """HAProxy, and what certificates need."""
        return ["haproxy", *certificate.packages(at.stack)]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """HTTP and HTTPS for visitors, and its metrics."""
        return [*EDGE, Endpoint("haproxy", METRICS_PORT, Exposure.MONITOR)]

    def setup(self, at: Placement) -> Setup:
        """Its configuration, and for HTTPS a certificate. Raises SkytierError without web
        servers."""
        values = {
            "etc": ETC,
            "config": CONFIG,
            "socket": SOCKET,
            "kept": KEPT,
            "keep": KEEP,
            "servers": at.needed(WEB),
            "port": BEHIND.port,
            "health": HEALTH,
            "host": site(at)[0],
            "metrics": f"{at.machine.address}:{METRICS_PORT}" if at.topology.monitor else "",
            "connections": connections(at.machine),
            "both": at.stack.ipv6,
            "ipv6": at.machine.ipv6,
            "tls": at.stack.tls,
            "certificate": f"{ETC}/tls/site",
            "hsts_s": certificate.hsts_s(at.stack),
            "paths": certificate.paths(at.stack),
            "challenges": certificate.challenges(at.stack),
            "http": HTTP,
            "others": [
                each for each in at.topology.running(self.name) if each.name != at.machine.name
            ],
            "answer": ANSWER,
        }
        return Setup(
            files=[
                File(CONFIG, render(PACKAGE, "haproxy.cfg", **values)),
                File(
                    f"{UNITS}/haproxy.service.d/skytier.conf",
                    render(PACKAGE, "haproxy.service.conf", **values),
                ),
                File(KEEP, render(PACKAGE, "keep-servers.py", **values), 0o755),
                *certificate.files(at, SERVER),
            ],
            script="\n".join(
                [
                    certificate.before(at, SERVER),
                    render(PACKAGE, "setup.sh", **values),
                    certificate.after(at, SERVER),
                ]
            ),
            checks=[
                check(PACKAGE, "haproxy", {**values, "port": HTTP, "title": SERVER.title}),
                check(PACKAGE, "servers", values, needs_release=True),
                *certificate.checks(at, SERVER),
            ],
            secrets=certificate.secrets(at),
        )


def connections(machine: Machine) -> int:
    """How many connections of visitors it takes at a time: half of the memory is for them."""
    return max(1000, machine.memory_mib * 1024 // 2 // MEMORY_PER_CONNECTION_KIB)


HAPROXY = HAProxy()
