"""The application on a web server."""

import json
from collections.abc import Sequence
from importlib.resources import files as package_files

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import AccessKey, Password, Secret
from skytier.services.application.skytier_units.metrics import NOT_OURS
from skytier.services.application.workers import POOL_SIZE, memory_mib, workers
from skytier.services.database_proxy.service import DATABASE_PROXY
from skytier.services.postgresql.config import (
    LOOPBACK,
    NAME,
    PRIMARY_PORT,
    REPLICAS_PORT,
    SECOND,
)
from skytier.services.postgresql.secrets import CERTIFICATE, PASSWORD
from skytier.services.redis import secrets as redis_secrets
from skytier.services.redis import servers as redis
from skytier.services.redis_proxy.service import REDIS_PROXY
from skytier.services.service import ETC, UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.services.system.service import PYTHON
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Need, ObjectStore, Topology

PACKAGE = "skytier.services.application"
HOME = "/opt/skytier"
"""`releases/`, the symbolic link `current` to one of them, `static/`, and `python3`."""
LIBRARY = "/usr/local/lib/skytier"
"""Where what the set-up brings finds its Python."""
PORT, SECOND_PORT = 8000, 8001
DATA = "/var/lib/skytier-app"
"""The directories that the application may write to, which stay from release to release."""
SOCKET = "/run/skytier-app.sock"
"""Where Nginx finds it."""
SECOND_SOCKET = "/run/skytier-second.sock"
"""Of the process that serves while the first one is restarted."""
HEALTH_TIMEOUT_S = 180
"""How long the application may take until it is healthy: a busy machine without hardware
virtualisation was seen to need up to 110 s, an ordinary one needs 3."""
LOOK_S = 10
"""How long one that serves may take to say that it is healthy. On a busy machine its database may
be too slow for one question; who believed that would start it again for nothing."""
SIGNING_KEY = "application_secret_key"
S3_KEY = "object_store_key"
DATABASE = Need("postgresql", duty="primary")
CACHE = Need("redis")
SENTINEL = Need("sentinel")


class Application(Service):
    """A Python program behind a unix socket, and at a port for the monitor and for `api_from`."""

    name = "application"
    units = ("skytier-app", "skytier-second", "skytier-process@*", "skytier-job@*")

    def running(self, stack: StackFile) -> Sequence[str]:
        """The web. Its second process is a release's, and others are looked after by a check."""
        return ["skytier-app"]

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The database and the cache, if the stack has them."""
        return [
            *([DATABASE] if stack.has_database else []),
            *([CACHE] if stack.cache.enabled else []),
            *([SENTINEL] if stack.cache.replicated else []),
        ]

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """What frameworks sign their cookies with, one for all web servers; and the key of the
        object store, where the cloud makes it."""
        store = topology.object_store
        made = store.access_key_id if store else None
        key = [] if made is None else [AccessKey(S3_KEY, made)]
        return [Password(SIGNING_KEY), *key]

    def packages(self, at: Placement) -> Sequence[str]:
        """Python, and the client of PostgreSQL: jobs are written down by it, and what blocks a
        migration is found."""
        uses_psql = at.stack.application.job or at.stack.application.migrate
        return [PYTHON, *(["postgresql-client"] if uses_psql else [])]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """Its metrics, if there are any; and all of it, past Nginx, for the networks of the stack
        file."""
        metrics = [Endpoint("application", PORT, Exposure.MONITOR)]
        api = Endpoint("api", PORT, Exposure.NETWORKS, stack.api_from)
        return [*(metrics if stack.runs.is_measured else ()), api]

    def setup(self, at: Placement) -> Setup:
        """Raises SkytierError when the database or the cache that it needs is on no machine."""
        address = {need.service: at.needed(need)[0].address for need in self.needs(at.stack)}
        database, cache = address.get("postgresql"), address.get("redis")
        # Several members are reached by HAProxy on this machine.
        members = DATABASE_PROXY.enabled(at.stack)
        if members:
            database = LOOPBACK
        sentinels = at.needed(SENTINEL) if REDIS_PROXY.enabled(at.stack) else ()
        if sentinels:
            cache = LOOPBACK
        redis_servers = redis.SERVERS if cache else ()
        store = at.topology.object_store
        made = store is not None and store.access_key_id is not None
        values = {
            "home": HOME,
            "data": DATA if at.stack.runs.directories else "",
            "etc": ETC,
            "secrets": SECRETS,
            "password": PASSWORD,
            "owner": NAME,
            "second": SECOND,
            "certificate": CERTIFICATE,
            "address": at.machine.address,
            "api_ipv6": _api_ipv6(at),
            "port": PORT,
            "second_port": SECOND_PORT,
            "second_socket": SECOND_SOCKET,
            "health_timeout_s": HEALTH_TIMEOUT_S,
            "look_s": LOOK_S,
            "socket": SOCKET,
            "memory_mib": memory_mib(at.machine),
            "workers": workers(at.machine),
            "pool_size": POOL_SIZE,
            "database_address": database or "",
            "database_port": PRIMARY_PORT if members else 5432,
            "replicas_port": REPLICAS_PORT if members else 0,
            "redis_address": cache or "",
            "redis_servers": redis.SERVERS,
            "redis_password": redis_secrets.PASSWORD,
            "redis_certificate": redis_secrets.trusted(at.stack),
            "sentinels": [f"{each.address}:{redis.SENTINEL_PORT}" for each in sentinels],
            "credentials": [
                *(["skytier_database_url"] if database else []),
                *(["skytier_database_replica_url"] if members else []),
                *(each.credential for each in redis_servers),
                *(["skytier_redis_sentinels"] if sentinels else []),
                "skytier_secret_key",
                *(["skytier_s3_access_key_id", "skytier_s3_secret_access_key"] if made else []),
            ],
            "object_store": _plain(store) if store else {},
            "s3_key": S3_KEY if made else "",
            "access_key_id": (store.access_key_id if store else "") or "",
            "networks": [at.stack.cidr, *at.stack.api_from],
            "site": site(at)[0],
            "hosts": ",".join(_hosts(at)),
            "origins": ",".join(_origins(at)),
            "secret_key": SIGNING_KEY,
            "not_ours": NOT_OURS,
            "reaches": _reaches(at.stack),
            "metrics_from": json.dumps(_metrics_from(at)),
        }
        texts = {
            f"{UNITS}/skytier-app.service": "skytier-app.service",
            f"{UNITS}/skytier-app.socket": "skytier-app.socket",
            f"{UNITS}/skytier-second.service": "skytier-second.service",
            f"{UNITS}/skytier-second.socket": "skytier-second.socket",
            f"{UNITS}/skytier-process@.service": "skytier-process@.service",
            f"{UNITS}/skytier-job@.service": "skytier-job@.service",
            f"{ETC}/uv.txt": "uv.txt",
            f"{ETC}/skytier-app.before-247.conf": "before-247.conf",
            f"{ETC}/skytier-instance.before-247.conf": "before-247-instance.conf",
        }
        program = render(PACKAGE, "skytier-app.sh", **values)
        return Setup(
            files=[
                *(File(path, render(PACKAGE, name, **values)) for path, name in texts.items()),
                File("/usr/local/sbin/skytier-app", program, 0o755),
                *_units(),
            ],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[
                check(PACKAGE, "application", values, needs_release=True),
                *(
                    [check(PACKAGE, "processes", values, needs_release=True)]
                    if at.stack.application.process
                    else []
                ),
            ],
            secrets=(
                *((PASSWORD, CERTIFICATE) if database else ()),
                *((redis_secrets.PASSWORD, redis_secrets.trusted(at.stack)) if cache else ()),
                SIGNING_KEY,
                *((S3_KEY,) if made else ()),
            ),
        )


def _plain(store: ObjectStore) -> dict[str, str]:
    """The variables that are no secret."""
    return {"S3_ENDPOINT": store.endpoint, "S3_BUCKET": store.bucket, "S3_REGION": store.region}


def site(at: Placement) -> list[str]:
    """The names of the site, as requests have them: the domain before the addresses."""
    ipv6 = _in_brackets(at.topology.public_ipv6)
    names = (at.stack.domain, at.topology.public_address, ipv6)
    return [name for name in names if name] or ["localhost"]


def _in_brackets(ipv6: str) -> str:
    return f"[{ipv6}]" if ipv6 else ""


def _hosts(at: Placement) -> list[str]:
    """What requests may name as their host: also the machine, which `api_from` leads to."""
    own = [at.machine.address, *([_in_brackets(ipv6)] if (ipv6 := _api_ipv6(at)) else [])]
    return list(dict.fromkeys([*site(at), *own]))


def _api_ipv6(at: Placement) -> str:
    """The IPv6 address that networks of `api_from` come to; empty where none of them has IPv6."""
    return at.machine.ipv6 if any(":" in network for network in at.stack.api_from) else ""


def _origins(at: Placement) -> list[str]:
    """Where the site's forms come from, the site's own first. Without TLS here, a proxy before the
    stack may have it."""
    schemes = ("http", "https") if at.stack.tls == "off" else ("https",)
    return [f"{scheme}://{name}" for scheme in schemes for name in site(at)]


def _reaches(stack: StackFile) -> list[str]:
    """The networks that it may exchange packets with, besides this machine; empty for all."""
    outgoing = stack.runs.outgoing
    if outgoing == ("any",):
        return []
    own = [] if outgoing == ("stack",) else [*stack.dns, *outgoing]
    return [stack.cidr, *stack.api_from, *own]


def _units() -> Sequence[File]:
    """The command that has systemd run what a release has beside the web."""
    texts = {each.name: each for each in (package_files(PACKAGE) / "skytier_units").iterdir()}
    package = [
        File(f"{LIBRARY}/skytier_units/{name}", texts[name].read_text())
        for name in sorted(texts)
        if name.endswith(".py")
    ]
    command = f'PYTHONPATH={LIBRARY} exec {HOME}/python3 -B -m skytier_units "$@"'
    return [*package, File("/usr/local/sbin/skytier-units", f"#!/bin/sh\n{command}\n", 0o755)]


def _metrics_from(at: Placement) -> list[str]:
    """The monitor; and the machine itself, for who asks over SSH while the monitor is away."""
    monitor = [at.topology.monitor.address] if at.topology.monitor else []
    return list(dict.fromkeys([*monitor, at.machine.address]))


APPLICATION = Application()
