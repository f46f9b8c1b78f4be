"""How the software that ends TLS gets the site's certificate, wherever it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skytier.hosts.host import Host
from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.services.exporters.service import TEXTFILES
from skytier.services.service import ETC, UNITS, Placement, check
from skytier.services.setup import Check, File
from skytier.stackfile import StackFile

PACKAGE = "skytier.services.certificate"
TLS = "web_tls"
KEY, CERTIFICATE = f"{TLS}_key", f"{TLS}_certificate"
CHALLENGES = "127.0.0.1:8402"
"""Where certbot answers the authority, while it asks for a certificate."""
YEAR_S, DAY_S = 31_536_000, 86_400
_LIB = "/usr/local/lib/skytier"


@dataclass(frozen=True)
class TlsServer:
    """The software that ends TLS."""

    title: str
    """`Nginx`"""
    unit: str
    """`nginx`, which reads its certificate again when it is reloaded."""
    last_words: str
    """A command that shows the last lines of its log."""


def paths(stack: StackFile) -> tuple[Path, Path]:
    """Where the certificate and its key are on a machine, if `tls` is not "off"."""
    if stack.tls == "self-signed":
        return Path(SECRETS, CERTIFICATE), Path(SECRETS, KEY)
    return Path(ETC, "tls/certificate"), Path(ETC, "tls/key")


def hsts_s(stack: StackFile) -> int:
    """For how many seconds browsers come by HTTPS without asking.

    A browser that was told to trust the stack's own certificate would keep a longer promise than
    the stack may be able to.
    """
    return YEAR_S if stack.tls == "acme" else DAY_S


def challenges(stack: StackFile) -> str | None:
    """Where the server leads the authority's challenges; None where no authority is asked."""
    return CHALLENGES if stack.tls == "acme" else None


def packages(stack: StackFile) -> list[str]:
    """What certificates need."""
    return ["openssl", *(["certbot"] if stack.tls == "acme" else [])]


def secrets(at: Placement) -> tuple[str, ...]:
    """The names of the secrets that have the certificate."""
    return (KEY, CERTIFICATE) if _tls(at) == "self-signed" else ()


def files(at: Placement, server: TlsServer) -> list[File]:
    """What gets the certificate, and what tells the monitor until when it is valid."""
    values, texts, programs = _values(at, server), {}, {}
    if _tls(at) != "off" and at.topology.monitor:
        metric = "certificate-metric"
        programs[f"{_LIB}/{metric}"] = render(PACKAGE, f"{metric}.sh", **values)
        for name in ("service", "timer"):
            text = render(PACKAGE, f"{metric}.{name}", **values)
            texts[f"{UNITS}/skytier-{metric}.{name}"] = text
    if _tls(at) == "acme":
        texts[f"{ETC}/placeholder.cnf"] = render(PACKAGE, "placeholder.cnf", **values)
        for name in ("certificate", "certificate-renewed"):
            programs[f"{_LIB}/{name}"] = render(PACKAGE, f"{name}.sh", **values)
        for name in ("service", "timer"):
            text = render(PACKAGE, f"certificate.{name}", **values)
            texts[f"{UNITS}/skytier-certificate.{name}"] = text
    return [
        *(File(path, text) for path, text in texts.items()),
        *(File(path, text, 0o755) for path, text in programs.items()),
    ]


def before(at: Placement, server: TlsServer) -> str:
    """The part of a set-up that comes before the server starts."""
    return render(PACKAGE, "before.sh", **_values(at, server))


def after(at: Placement, server: TlsServer) -> str:
    """The part of a set-up that comes after the server has started."""
    return render(PACKAGE, "after.sh", **_values(at, server))


def checks(at: Placement, server: TlsServer) -> list[Check]:
    """Whether the certificate is served, is valid, and was given."""
    tls, values = _tls(at), _values(at, server)
    return [
        *([check(PACKAGE, "certificate", values)] if tls != "off" else []),
        *([check(PACKAGE, "acme", values, outside=True)] if tls == "acme" else []),
    ]


def carry(former: Host, new: Host) -> bool:
    """Give a machine the authority's certificate of another one, before visitors come to it.

    Returns whether there was one. Raises SkytierError.
    """
    packed = former.run(render(PACKAGE, "pack.sh"))
    if packed:
        new.run(render(PACKAGE, "unpack.sh"), packed.encode())
    return bool(packed)


def _tls(at: Placement) -> str:
    """How TLS is done on this machine: only where visitors come to it."""
    return at.stack.tls if at.machine.public else "off"


def _values(at: Placement, server: TlsServer) -> Mapping[str, object]:
    """What the templates know."""
    stack = at.stack
    return {
        **vars(server),
        "etc": ETC,
        "tls": _tls(at),
        "domain": stack.domain,
        "email": ",".join(stack.email) or None,
        "acme_server": stack.acme_server,
        "public_address": at.topology.public_address,
        "public_ipv6": at.topology.public_ipv6,
        "moving": at.topology.moving,
        "shared_address": at.topology.virtual_address if stack.shares_address else "",
        "challenges": CHALLENGES.rpartition(":"),
        "renewed": f"{_LIB}/certificate-renewed",
        "watched": at.topology.monitor is not None,
        "textfiles": TEXTFILES,
        "certificate": str(paths(stack)[0]),
    }
