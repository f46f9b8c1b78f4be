"""Redis on the machine of the cache, or on the machine where the cache is colocated."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.exporters.service import Exporter
from skytier.services.redis.secrets import (
    CERTIFICATE,
    KEY,
    MONITOR_PASSWORD,
    PASSWORD,
    declared,
)
from skytier.services.redis.servers import CACHE, DATA, KEPT, SERVERS, maxmemory_mib
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Topology

PACKAGE = "skytier.services.redis"
ETC = "/etc/skytier/redis"
MONITOR = "monitor"
"""The user of the exporter in Redis."""
EXPORTER_PORT = 9121
EXPORTER_PASSWORDS = "exporter.json"


class Redis(Service):
    """Two servers of the distribution, for the machines that need them only."""

    name = "redis"
    units = (KEPT.unit, CACHE.unit)

    def enabled(self, stack: StackFile) -> bool:
        """If the stack has a cache."""
        return stack.cache.enabled

    def secrets(self, topology: Topology) -> Sequence[Secret]:
        """The passwords and the certificate that clients need."""
        return declared(topology)

    def packages(self, at: Placement) -> Sequence[str]:
        """Redis."""
        return ["redis-server"]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """A port for each server."""
        return [Endpoint(each.name, each.port, Exposure.CONSUMERS) for each in SERVERS]

    def setup(self, at: Placement) -> Setup:
        """Both servers with their users."""
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "data": DATA,
            "address": at.machine.address,
            "network": at.stack.cidr,
            "servers": SERVERS,
            "kept": KEPT,
            "cache": CACHE,
            "password": PASSWORD,
            "monitor": MONITOR,
            "monitor_password": MONITOR_PASSWORD,
            "exporter_passwords": EXPORTER_PASSWORDS,
            # It looks its password up by the address: Debian 12's without the user, others with it.
            "exporter_addresses": [
                f"unix://{user}{each.socket}" for each in SERVERS for user in ("", f"{MONITOR}@")
            ],
            "key": KEY,
            "certificate": CERTIFICATE,
        }
        files = {}
        for each in SERVERS:
            memory_mib = maxmemory_mib(each, at.machine)
            own = {**values, "server": each, "memory_mib": memory_mib}
            files[f"{ETC}/{each.name}.conf"] = render(PACKAGE, "redis.conf", **own)
            addition = f"{UNITS}/{each.unit}.service.d/skytier.conf"
            files[addition] = render(PACKAGE, "redis.service.conf", **own)
        return Setup(
            files=[File(path, text) for path, text in files.items()],
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, "redis", values)],
            secrets=(PASSWORD, MONITOR_PASSWORD, KEY, CERTIFICATE),
        )

    def removal(self, at: Placement) -> Setup:
        """Both are stopped, if Skytier once set them up. The file with the keys stays."""
        values = {"etc": ETC, "kept": KEPT, "cache": CACHE}
        return Setup(script=render(PACKAGE, "removal.sh", **values))


class RedisExporter(Exporter):
    """One program, which is asked for the metrics of either server."""

    def __init__(self) -> None:
        super().__init__(
            "redis",
            EXPORTER_PORT,
            (
                f"--redis.addr=unix://{KEPT.socket}",
                f"--redis.user={MONITOR}",
                f"--redis.password-file=${{CREDENTIALS_DIRECTORY}}/{EXPORTER_PASSWORDS}",
                # Its user may not name itself.
                "--set-client-name=false",
            ),
            credential=f"{ETC}/{EXPORTER_PASSWORDS}",
            group="redis",
        )

    def enabled(self, stack: StackFile) -> bool:
        """If the stack has a cache, and is monitored."""
        return stack.cache.enabled and super().enabled(stack)

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """A job of Prometheus for each server."""
        return [Endpoint(each.name, self.port, Exposure.MONITOR) for each in SERVERS]


REDIS = Redis()
EXPORTER = RedisExporter()
