"""The web machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from skytier.errors import SkytierError
from skytier.roles import common, exporters
from skytier.roles.render import render
from skytier.roles.role import ANYWHERE, Check, File, Machine, Opening, Setup, Site
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
    keeps = ""
    units: Sequence[str] = ("nginx", "skytier-app")
    lodges_with = ""
    metrics: Mapping[str, int] = {NGINX.job: NGINX.port, "application": PORT}
    runs_application = True

    def openings(self, ssh_from: Sequence[str], api_from: Sequence[str]) -> list[Opening]:
        """HTTP for all, SSH for `ssh_from`, the application past Nginx for `api_from`."""
        return [
            Opening(80, ANYWHERE),
            Opening(443, ANYWHERE),
            *(Opening(22, remote) for remote in ssh_from),
            *(Opening(PORT, remote) for remote in api_from),
        ]

    def packages(self, site: Site, machine: Machine) -> Sequence[str]:
        """Nginx, what tells of it, and Python."""
        certbot = ("certbot",) if site.tls == "acme" else ()
        return ["nginx", "python3", "openssl", *certbot, *exporters.packages(site, NGINX)]

    def setup(self, site: Site, machine: Machine) -> Setup:
        """Raises SkytierError when the site has no database, or lacks what its TLS needs."""
        if not site.of("database"):
            raise SkytierError("A web server needs a database.", "Add one to the stack file.")
        if site.tls == "acme" and not site.domain:
            raise SkytierError(
                '`tls = "acme"` needs a domain, for which the certificate is made out.',
                'Set `domain`, or take `tls = "self-signed"`.',
            )
        values = _values(site, machine)
        server = Setup(
            files=_files(site, values),
            script=render("web", "setup.sh", **values),
            checks=_checks(site, values),
            secrets=(
                *(PASSWORD, DATABASE_CERTIFICATE),
                *((TLS_KEY, TLS_CERTIFICATE) if site.tls == "self-signed" else ()),
            ),
        )
        return server + exporters.setup(site, machine, NGINX)


def _values(site: Site, machine: Machine) -> dict[str, object]:
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
        "database_address": site.of("database")[0].address,
        "networks": [site.cidr, *site.api_from],
        "tls": site.tls,
        "domain": site.domain,
        "email": site.email,
        "acme_server": site.acme_server,
        "public_address": site.public_address,
        "challenges": "/var/lib/skytier/challenges",
        "watched": site.monitor is not None,
        "metrics_from": json.dumps(_metrics_from(site, machine)),
        "textfiles": exporters.TEXTFILES,
        "certificate": _certificate(site),
    }


def _metrics_from(site: Site, machine: Machine) -> list[str]:
    """The monitor; and the machine itself, for who asks over SSH while the monitor is away."""
    return list(dict.fromkeys([*([site.monitor.address] if site.monitor else []), machine.address]))


def _files(site: Site, values: Mapping[str, object]) -> list[File]:
    units = common.UNITS
    texts = {
        f"{ETC}/nginx.conf": nginx.nginx_conf(_nginx(site, values)),
        f"{units}/nginx.service.d/skytier.conf": render("web", "nginx.service.conf", **values),
        f"{units}/skytier-app.service": render("web", "skytier-app.service", **values),
        f"{units}/skytier-app.socket": render("web", "skytier-app.socket", **values),
        f"{ETC}/uv.txt": render("web", "uv.txt"),
        f"{ETC}/skytier-app.before-247.conf": render("web", "before-247.conf", **values),
    }
    programs = {"/usr/local/sbin/skytier-app": render("web", "skytier-app.sh", **values)}
    if site.tls != "off" and site.monitor:
        metric = "certificate-metric"
        programs[f"{_LIB}/{metric}"] = render("web", f"{metric}.sh", **values)
        for name in ("service", "timer"):
            texts[f"{units}/skytier-{metric}.{name}"] = render("web", f"{metric}.{name}", **values)
    if site.tls == "acme":
        texts[f"{ETC}/placeholder.cnf"] = render("web", "placeholder.cnf", **values)
        programs[f"{_LIB}/certificate"] = render("web", "certificate.sh", **values)
        for name in ("service", "timer"):
            texts[f"{units}/skytier-certificate.{name}"] = render("web", f"certificate.{name}")
    return [
        *(File(path, text) for path, text in texts.items()),
        *(File(path, text, 0o755) for path, text in programs.items()),
    ]


def _nginx(site: Site, values: Mapping[str, object]) -> nginx.Site:
    return nginx.Site(
        listen=["80"],
        upstreams=[f"unix:{SOCKET}"],
        static=Path(HOME, "static"),
        run=Path("/run"),
        logs=Path("/var/log/nginx"),
        user="www-data",
        temporary=Path("/var/lib/nginx"),
        tls=_tls(site, Path(str(values["challenges"]))),
        status=STATUS if site.monitor else None,
    )


def _tls(site: Site, challenges: Path) -> nginx.Tls | None:
    if site.tls == "self-signed":
        # Nginx reads both as root. A browser that was told to trust the certificate would keep
        # a longer promise than this site may be able to.
        certificate, key = (Path(common.SECRETS, name) for name in (TLS_CERTIFICATE, TLS_KEY))
        return nginx.Tls(["443"], certificate, key, DAY_S)
    if site.tls == "acme":
        links = Path(ETC, "tls")
        return nginx.Tls(["443"], links / "certificate", links / "key", YEAR_S, challenges)
    return None


def _certificate(site: Site) -> str:
    """The file of the certificate that Nginx serves."""
    tls = _tls(site, Path())
    return str(tls.certificate) if tls else ""


def _checks(site: Site, values: Mapping[str, object]) -> list[Check]:
    return [
        common.check("web", "nginx", values),
        *([common.check("web", "certificate", values)] if site.tls != "off" else []),
        *([common.check("web", "acme", values, outside=True)] if site.tls == "acme" else []),
        common.check("web", "application", values, needs_release=True),
    ]


_LIB = "/usr/local/lib/skytier"
ROLE = Web()
