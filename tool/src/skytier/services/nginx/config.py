"""Nginx's configuration, wherever it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from skytier.render import render
from skytier.services.nginx import static

PACKAGE = "skytier.services.nginx"


@dataclass(frozen=True)
class Tls:
    """A site by HTTPS. What comes by HTTP is sent there."""

    listen: Sequence[str]
    """As in `NginxConfig`: `443`."""
    certificate: Path
    key: Path
    hsts_s: int
    """For how many seconds browsers shall come by HTTPS without asking."""
    challenges: str | None = None
    """Where the challenges of the certificate authority are answered, which come by HTTP."""


@dataclass(frozen=True)
class Health:
    """How what is in front asks whether this server takes new requests: 200, 404 while it is
    drained, 502 to 504 where it does not work."""

    path: str
    """The URL path where it asks."""
    asks: str
    """The URL path of the application that is asked then."""
    host: str
    """The host that the application is asked for."""
    drained: Sequence[str]
    """Files: while one of them is there, the server is drained."""


@dataclass(frozen=True)
class Balancers:
    """The balancers in front, which alone are believed what they say of visitors."""

    listen: Sequence[str]
    """Where they come to."""
    addresses: Sequence[str]
    health: Health


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer in front that passes connections on, and says whose they are by the PROXY
    protocol."""

    networks: Sequence[str]
    """Where it comes from, which alone is believed: `192.168.128.0/24`."""
    listen: Sequence[str]
    """Where it passes on what comes by HTTP."""
    tls_listen: Sequence[str]
    """The same of what comes by HTTPS."""
    asked: str
    """Where it asks for the health, without that protocol."""
    health: Health


@dataclass(frozen=True)
class NginxConfig:
    """What the configuration of Nginx depends on."""

    listen: Sequence[str]
    """What the `listen` directive takes: `127.0.0.1:8000`, `[::]:80 default_server`."""
    upstreams: Sequence[str]
    """The application's addresses: `unix:/run/application.sock`, `10.0.0.5:8000`."""
    static: Path
    """The directory of the static files, by their URL paths."""
    run: Path
    """Where the pid file goes."""
    logs: Path
    user: str | None = None
    """User and group of the workers; None when Nginx is not started by root."""
    temporary: Path | None = None
    """Where large bodies are kept for a while; None is `nginx` in `run`. It has to be there."""
    tls: Tls | None = None
    status: str | None = None
    """Where it tells how many connections there are: `127.0.0.1:8081`. Never a public address."""
    metrics: str | None = None
    """Where a monitor on the same machine finds the application's metrics: `127.0.0.1:9145`."""
    metrics_token: str = ""
    """What it shows there (`Authorization: Bearer ...`)."""
    ipv6: bool = False
    """Whether visitors come by IPv6, too."""
    unlimited: Sequence[str] = ("127.0.0.0/8", "::1/128")
    """Networks whose requests are not counted. The limits are for each other address, and for each
    other network of 64 bits of IPv6: one customer has at least that many addresses."""
    requests_per_s: int = 100
    requests_burst: int = 500
    """So many more at a time."""
    requests_at_once: int = 200
    """Requests that are being answered."""
    prefixes: Sequence[str] = ("/static/",)
    """The URL paths of the static files."""
    cdn_tag: str = ""
    """Where a CDN delivers them: the name by which it can forget all of them at once."""
    media: Mapping[str, Path] = field(default_factory=dict)
    """URL paths, and the directories of the files that visitors have uploaded."""
    request_mib: int = 1
    """The largest body of a request."""
    streams_bodies: bool = False
    """Whether the application gets a body while it arrives; else once it is whole."""
    balancers: Balancers | None = None
    load_balancer: LoadBalancer | None = None
    """With both of them visitors come by both ways: the address moves from one to the other."""


def nginx_conf(config: NginxConfig) -> str:
    """The text of nginx.conf for a config."""
    values = {**vars(config), "temporary": config.temporary or config.run / "nginx"}
    return render(PACKAGE, "nginx.conf", **values, **_OF_STATIC_FILES)


_OF_STATIC_FILES = {
    "types": static.TYPES,
    "default_type": static.DEFAULT_TYPE,
    "charset_types": static.CHARSET_TYPES,
    "unchanging": static.UNCHANGING,
    "immutable": static.IMMUTABLE,
    "at_cdn": static.AT_CDN,
    "at_site": static.AT_SITE,
}
