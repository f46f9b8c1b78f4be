"""Nginx on a web server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.render import render
from skytier.secrets.secret import Secret, SelfSigned
from skytier.services.application.service import DATA, HOME, SOCKET, site
from skytier.services.certificate import certificate
from skytier.services.certificate.certificate import TlsServer
from skytier.services.exporters.service import Exporter
from skytier.services.nginx import load_balanced
from skytier.services.nginx.config import (
    Balancers,
    Health,
    LoadBalancer,
    NginxConfig,
    Tls,
    nginx_conf,
)
from skytier.services.service import ETC, UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Topology

PACKAGE = "skytier.services.nginx"
STATUS = "127.0.0.1:8081"
"""Where it tells the exporter how many connections there are: not beyond the machine."""
EXPORTER = Exporter("nginx", 9113, (f"--nginx.scrape-uri=http://{STATUS}/",))
EDGE = (Endpoint("http", 80, Exposure.PUBLIC), Endpoint("https", 443, Exposure.PUBLIC))
"""Where visitors come to a web server that has a floating IP."""
BEHIND = Endpoint("balanced", 8080, Exposure.CONSUMERS)
"""Where a balancer comes to it."""
BALANCER = "haproxy"
"""The service that comes there."""
HEALTH = "/.skytier/health"
"""Where the balancer asks whether the server takes new requests: 404 while it is drained."""
DRAINED, DRAINED_UNTIL_BOOT = "/var/lib/skytier/drained", "/run/skytier-drained"
"""The files that keep a web server out of the balancer: by the operator, and during an update."""
DRAIN = "/usr/local/sbin/skytier-drain"
SEEN_S = 3
"""How long it takes until HAProxy has seen that: two of its questions, and the second answer."""
DRAIN_S = 30
"""How long requests that are being answered may take when a web server is drained."""
SERVER = TlsServer(
    title="Nginx",
    unit="nginx",
    last_words="tail -n 4 /var/log/nginx/nginx.log",
)


class Nginx(Service):
    """HTTP and HTTPS for visitors, before the application's socket."""

    name = "nginx"
    units = ("nginx",)

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The certificate for visitors: one for the stack, however many web servers there are."""
        of_stack = (topology.stack.domain, topology.public_address, topology.public_ipv6)
        public = [name for name in of_stack if name]
        machines = topology.running(self.name)
        private = [text for machine in machines for text in (machine.address, machine.name) if text]
        return [SelfSigned(certificate.TLS, public or private, renewed=True)]

    def packages(self, at: Placement) -> Sequence[str]:
        """Nginx, and what certificates need."""
        return ["nginx", *certificate.packages(at.stack)]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """HTTP and HTTPS for visitors, HTTP for the balancer, or what a load balancer passes on."""
        if stack.has_load_balancer:
            return load_balanced.endpoints(stack)
        return [BEHIND] if stack.has_balancer else EDGE

    def setup(self, at: Placement) -> Setup:
        """Its configuration, and for HTTPS a certificate."""
        values = _values(at)
        return Setup(
            files=[*_files(at, values), *certificate.files(at, SERVER)],
            script="\n".join(
                [
                    certificate.before(at, SERVER),
                    render(PACKAGE, "setup.sh", **values),
                    certificate.after(at, SERVER),
                ]
            ),
            checks=[check(PACKAGE, "nginx", values), *certificate.checks(at, SERVER)],
            secrets=certificate.secrets(at),
        )


def _values(at: Placement) -> dict[str, object]:
    """What the templates know."""
    paths, passed_on = certificate.paths(at.stack), _load_balancer(at) is not None
    return {
        "etc": ETC,
        "port": 80 if at.machine.public else BEHIND.port,
        "reads": paths if certificate.secrets(at) else (),
        "drain_s": DRAIN_S,
        "behind": _balancers(at) is not None or passed_on,
        "passed_on": passed_on,
        "seen_s": load_balanced.SEEN_S if passed_on else SEEN_S,
        "drained": DRAINED,
        "until_boot": DRAINED_UNTIL_BOOT,
        "put_back": f"skytier undrain {at.machine.role}/{at.machine.number}",
        "drain": DRAIN,
        "status": STATUS,
        "ipv6": at.machine.ipv6 if at.machine.public else "",
        "title": SERVER.title,
    }


def _files(at: Placement, values: Mapping[str, object]) -> list[File]:
    return [
        File(f"{ETC}/nginx.conf", nginx_conf(_config(at))),
        File(
            f"{UNITS}/nginx.service.d/skytier.conf", render(PACKAGE, "nginx.service.conf", **values)
        ),
        *(
            [File(DRAIN, render(PACKAGE, "skytier-drain.sh", **values), 0o755)]
            if values["behind"]
            else []
        ),
    ]


def _config(at: Placement) -> NginxConfig:
    balancers, load_balancer = _balancers(at), _load_balancer(at)
    return NginxConfig(
        listen=_listen(at.stack, 80) if at.machine.public else [],
        upstreams=[f"unix:{SOCKET}"],
        static=Path(HOME, "static"),
        prefixes=list(at.stack.runs.static),
        cdn_tag=at.stack.name if at.stack.static_url else "",
        media={prefix: Path(DATA, name) for prefix, name in at.stack.runs.media.items()},
        request_mib=at.stack.runs.request_mib,
        streams_bodies=at.stack.runs.streams_bodies,
        run=Path("/run"),
        logs=Path("/var/log/nginx"),
        user="www-data",
        temporary=Path("/var/lib/nginx"),
        tls=_tls(at.stack) if at.machine.public else None,
        status=STATUS if at.topology.monitor or balancers or load_balancer else None,
        ipv6=at.stack.ipv6,
        balancers=balancers,
        load_balancer=load_balancer,
    )


def _listen(stack: StackFile, port: int) -> list[str]:
    """A port of all of the machine's addresses."""
    return [str(port), *([f"[::]:{port}"] if stack.ipv6 else [])]


def _balancers(at: Placement) -> Balancers | None:
    """The balancers that come to this web server."""
    found = [each.address for each in at.topology.running(BALANCER)]
    found += [each.address for each in at.topology.leaving if BALANCER in each.services]
    if not found:
        return None
    return Balancers([str(BEHIND.port)], found, _health(at))


def _load_balancer(at: Placement) -> LoadBalancer | None:
    """The load balancer of the cloud that comes to this web server."""
    if not (at.stack.has_load_balancer or at.topology.leaves_load_balancer):
        return None
    http, *https = (str(port) for port in load_balanced.ports(at.stack).values())
    asked = str(load_balanced.ASKED_PORT)
    return LoadBalancer([at.stack.cidr], [http], https, asked, _health(at))


def _health(at: Placement) -> Health:
    return Health(HEALTH, at.stack.runs.health, site(at)[0], [DRAINED, DRAINED_UNTIL_BOOT])


def _tls(stack: StackFile) -> Tls | None:
    if stack.tls == "off":
        return None
    paths, hsts_s = certificate.paths(stack), certificate.hsts_s(stack)
    return Tls(_listen(stack, 443), *paths, hsts_s, certificate.challenges(stack))


NGINX = Nginx()
