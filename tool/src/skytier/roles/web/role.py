"""The web machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.errors import SkytierError
from skytier.roles import common, exporters
from skytier.roles.render import render
from skytier.roles.role import ANYWHERE, Check, File, IngressRule, Machine, Setup, Topology
from skytier.roles.web import nginx
from skytier.roles.web.workers import POOL_SIZE, memory_mib, workers

HOME = "/opt/skytier"
"""`releases/`, the symbolic link `current` to one of them, `static/`, and `python3`."""
ETC = "/etc/skytier"
PORT = 8000
SOCKET = "/run/skytier-app.sock"
"""Where Nginx finds the application."""
PASSWORD, DATABASE_CERTIFICATE = "database_password", "database_tls_certificate"
TLS_KEY, TLS_CERTIFICATE = "web_tls_key", "web_tls_certificate"
YEAR_S, DAY_S = 31_536_000, 86_400
STATUS = "127.0.0.1:8081"
"""Where Nginx tells the exporter how many connections there are: not beyond the machine."""
NGINX = exporters.Exporter("nginx", 9113, (f"--nginx.scrape-uri=http://{STATUS}/",))


class Web:
    """Nginx, the application's unit, and a Python for it. Releases are shipped by themselves."""

    name = "web"
    public = True
    holds_data = ""
    units: Sequence[str] = ("nginx", "skytier-app")
    colocated_with = ""
    metrics: Mapping[str, int] = {NGINX.job: NGINX.port, "application": PORT}
    runs_application = True

    def ingress_rules(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[IngressRule]:
        """HTTP for all, SSH for `ssh_from`, the application past Nginx for `api_from`."""
        return [
            IngressRule(80, ANYWHERE),
            IngressRule(443, ANYWHERE),
            *(IngressRule(22, remote) for remote in ssh_from),
            *(IngressRule(PORT, remote) for remote in api_from),
        ]

    def packages(self, topology: Topology, machine: Machine) -> Sequence[str]:
        """Nginx, what tells of it, and Python."""
        certbot = ("certbot",) if topology.tls == "acme" else ()
        return ["nginx", "python3", "openssl", *certbot, *exporters.packages(topology, NGINX)]

    def setup(self, topology: Topology, machine: Machine) -> Setup:
        """Raises SkytierError when the site has no database, or lacks what its TLS needs."""
        if not topology.of("database"):
            raise SkytierError("A web server needs a database.", "Add one to the stack file.")
        if topology.tls == "acme" and not topology.domain:
            raise SkytierError(
                '`tls = "acme"` needs a domain, for which the certificate is made out.',
                'Set `domain`, or take `tls = "self-signed"`.',
            )
        values = _values(topology, machine)
        server = Setup(
            files=_files(topology, values),
            script=render("web", "setup.sh", **values),
            checks=_checks(topology, values),
            secrets=(
                *(PASSWORD, DATABASE_CERTIFICATE),
                *((TLS_KEY, TLS_CERTIFICATE) if topology.tls == "self-signed" else ()),
            ),
        )
        return server + exporters.setup(topology, machine, NGINX)


def _values(topology: Topology, machine: Machine) -> dict[str, object]:
    """What the templates of this role know."""
    return {
        "home": HOME,
        "etc": ETC,
        "secrets": common.SECRETS,
        "address": machine.address,
        "port": PORT,
        "socket": SOCKET,
        "memory_mib": memory_mib(machine),
        "workers": workers(machine),
        "pool_size": POOL_SIZE,
        "database_address": topology.of("database")[0].address,
        "networks": [topology.cidr, *topology.api_from],
        "tls": topology.tls,
        "domain": topology.domain,
        "email": topology.email,
        "acme_server": topology.acme_server,
        "public_address": topology.public_address,
        "challenges": "/var/lib/skytier/challenges",
        "watched": topology.monitor is not None,
        "metrics_from": json.dumps(_metrics_from(topology, machine)),
        "textfiles": exporters.TEXTFILES,
        "certificate": _certificate(topology),
    }


def _metrics_from(topology: Topology, machine: Machine) -> list[str]:
    """The monitor; and the machine itself, for who asks over SSH while the monitor is away."""
    return list(
        dict.fromkeys([*([topology.monitor.address] if topology.monitor else []), machine.address])
    )


def _files(topology: Topology, values: Mapping[str, object]) -> list[File]:
    units = common.UNITS
    texts = {
        f"{ETC}/nginx.conf": nginx.nginx_conf(_nginx(topology, values)),
        f"{units}/nginx.service.d/skytier.conf": render("web", "nginx.service.conf", **values),
        f"{units}/skytier-app.service": render("web", "skytier-app.service", **values),
        f"{units}/skytier-app.socket": render("web", "skytier-app.socket", **values),
        f"{ETC}/uv.txt": render("web", "uv.txt"),
        f"{ETC}/skytier-app.before-247.conf": render("web", "before-247.conf", **values),
    }
    programs = {"/usr/local/sbin/skytier-app": render("web", "skytier-app.sh", **values)}
    if topology.tls != "off" and topology.monitor:
        metric = "certificate-metric"
        programs[f"{_LIB}/{metric}"] = render("web", f"{metric}.sh", **values)
        for name in ("service", "timer"):
            texts[f"{units}/skytier-{metric}.{name}"] = render("web", f"{metric}.{name}", **values)
    if topology.tls == "acme":
        texts[f"{ETC}/placeholder.cnf"] = render("web", "placeholder.cnf", **values)
        programs[f"{_LIB}/certificate"] = render("web", "certificate.sh", **values)
        for name in ("service", "timer"):
            texts[f"{units}/skytier-certificate.{name}"] = render("web", f"certificate.{name}")
    return [
        *(File(path, text) for path, text in texts.items()),
        *(File(path, text, 0o755) for path, text in programs.items()),
    ]


def _nginx(topology: Topology, values: Mapping[str, object]) -> nginx.NginxConfig:
    return nginx.NginxConfig(
        listen=["80"],
        upstreams=[f"unix:{SOCKET}"],
        static=Path(HOME, "static"),
        run=Path("/run"),
        logs=Path("/var/log/nginx"),
        user="www-data",
        temporary=Path("/var/lib/nginx"),
        tls=_tls(topology, Path(str(values["challenges"]))),
        status=STATUS if topology.monitor else None,
    )


def _tls(topology: Topology, challenges: Path) -> nginx.Tls | None:
    if topology.tls == "self-signed":
        # Nginx reads both as root. A browser that was told to trust the certificate would keep
        # a longer promise than this site may be able to.
        certificate, key = (Path(common.SECRETS, name) for name in (TLS_CERTIFICATE, TLS_KEY))
        return nginx.Tls(["443"], certificate, key, DAY_S)
    if topology.tls == "acme":
        links = Path(ETC, "tls")
        return nginx.Tls(["443"], links / "certificate", links / "key", YEAR_S, challenges)
    return None


def _certificate(topology: Topology) -> str:
    """The file of the certificate that Nginx serves."""
    tls = _tls(topology, Path())
    return str(tls.certificate) if tls else ""


def _checks(topology: Topology, values: Mapping[str, object]) -> list[Check]:
    return [
        common.check("web", "nginx", values),
        *([common.check("web", "certificate", values)] if topology.tls != "off" else []),
        *([common.check("web", "acme", values, outside=True)] if topology.tls == "acme" else []),
        common.check("web", "application", values, needs_release=True),
    ]


_LIB = "/usr/local/lib/skytier"
ROLE = Web()
