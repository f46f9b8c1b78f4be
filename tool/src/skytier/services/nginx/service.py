"""Nginx on a web server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret, SelfSigned
from skytier.services.application.service import DATA, HOME, SOCKET
from skytier.services.exporters.service import TEXTFILES, Exporter
from skytier.services.nginx.config import NginxConfig, Tls, nginx_conf
from skytier.services.service import ETC, UNITS, Placement, Service, check
from skytier.services.setup import Check, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Topology

PACKAGE = "skytier.services.nginx"
TLS = "web_tls"
KEY, CERTIFICATE = f"{TLS}_key", f"{TLS}_certificate"
YEAR_S, DAY_S = 31_536_000, 86_400
STATUS = "127.0.0.1:8081"
"""Where it tells the exporter how many connections there are: not beyond the machine."""
CHALLENGES = "/var/lib/skytier/challenges"
EXPORTER = Exporter("nginx", 9113, (f"--nginx.scrape-uri=http://{STATUS}/",))
_LIB = "/usr/local/lib/skytier"


class Nginx(Service):
    """HTTP and HTTPS for visitors, before the application's socket."""

    name = "nginx"
    units = ("nginx",)

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The certificate for visitors: one for all web servers, however many they are."""
        public = [name for name in (topology.stack.domain, topology.public_address) if name]
        machines = topology.running(self.name)
        private = [text for machine in machines for text in (machine.address, machine.name) if text]
        return [SelfSigned(TLS, public or private, renewed=True)]

    def packages(self, at: Placement) -> Sequence[str]:
        """Nginx, and what certificates need."""
        return ["nginx", "openssl", *(["certbot"] if at.stack.tls == "acme" else [])]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """HTTP and HTTPS."""
        return [Endpoint("http", 80, Exposure.PUBLIC), Endpoint("https", 443, Exposure.PUBLIC)]

    def setup(self, at: Placement) -> Setup:
        """Its configuration, and for HTTPS a certificate."""
        values = _values(at)
        return Setup(
            files=_files(at, values),
            script=render(PACKAGE, "setup.sh", **values),
            checks=_checks(at.stack.tls, values),
            secrets=(KEY, CERTIFICATE) if at.stack.tls == "self-signed" else (),
        )


def _values(at: Placement) -> dict[str, object]:
    """What the templates know."""
    stack, tls = at.stack, _tls(at.stack)
    return {
        "etc": ETC,
        "secrets": SECRETS,
        "tls": stack.tls,
        "domain": stack.domain,
        "email": ",".join(stack.email) or None,
        "acme_server": stack.acme_server,
        "public_address": at.topology.public_address,
        "challenges": CHALLENGES,
        "watched": at.topology.monitor is not None,
        "textfiles": TEXTFILES,
        "certificate": str(tls.certificate) if tls else "",
    }


def _files(at: Placement, values: Mapping[str, object]) -> list[File]:
    texts = {
        f"{ETC}/nginx.conf": nginx_conf(_config(at)),
        f"{UNITS}/nginx.service.d/skytier.conf": render(PACKAGE, "nginx.service.conf", **values),
    }
    programs = {}
    if at.stack.tls != "off" and at.topology.monitor:
        metric = "certificate-metric"
        programs[f"{_LIB}/{metric}"] = render(PACKAGE, f"{metric}.sh", **values)
        for name in ("service", "timer"):
            text = render(PACKAGE, f"{metric}.{name}", **values)
            texts[f"{UNITS}/skytier-{metric}.{name}"] = text
    if at.stack.tls == "acme":
        texts[f"{ETC}/placeholder.cnf"] = render(PACKAGE, "placeholder.cnf", **values)
        programs[f"{_LIB}/certificate"] = render(PACKAGE, "certificate.sh", **values)
        for name in ("service", "timer"):
            texts[f"{UNITS}/skytier-certificate.{name}"] = render(PACKAGE, f"certificate.{name}")
    return [
        *(File(path, text) for path, text in texts.items()),
        *(File(path, text, 0o755) for path, text in programs.items()),
    ]


def _config(at: Placement) -> NginxConfig:
    return NginxConfig(
        listen=["80"],
        upstreams=[f"unix:{SOCKET}"],
        static=Path(HOME, "static"),
        prefixes=list(at.stack.runs.static),
        media={prefix: Path(DATA, name) for prefix, name in at.stack.runs.media.items()},
        request_mib=at.stack.runs.request_mib,
        run=Path("/run"),
        logs=Path("/var/log/nginx"),
        user="www-data",
        temporary=Path("/var/lib/nginx"),
        tls=_tls(at.stack),
        status=STATUS if at.topology.monitor else None,
    )


def _tls(stack: StackFile) -> Tls | None:
    if stack.tls == "self-signed":
        # Nginx reads both as root. A browser that was told to trust the certificate would keep
        # a longer promise than the stack may be able to.
        certificate, key = (Path(SECRETS, name) for name in (CERTIFICATE, KEY))
        return Tls(["443"], certificate, key, DAY_S)
    if stack.tls == "acme":
        links = Path(ETC, "tls")
        return Tls(["443"], links / "certificate", links / "key", YEAR_S, Path(CHALLENGES))
    return None


def _checks(tls: str, values: Mapping[str, object]) -> list[Check]:
    return [
        check(PACKAGE, "nginx", values),
        *([check(PACKAGE, "certificate", values)] if tls != "off" else []),
        *([check(PACKAGE, "acme", values, outside=True)] if tls == "acme" else []),
    ]


NGINX = Nginx()
