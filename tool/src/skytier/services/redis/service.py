"""Redis on the machine of the cache, or on the machines where the cache is colocated."""

from collections.abc import Sequence

from skytier.render import render
from skytier.secrets import DIRECTORY as SECRETS
from skytier.secrets.secret import Secret
from skytier.services.exporters.service import Exporter
from skytier.services.redis.secrets import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    MEMBER_PASSWORD,
    MONITOR_PASSWORD,
    PASSWORD,
    declared,
)
from skytier.services.redis.servers import (
    CACHE,
    DATA,
    DUTY,
    HAND_OVER,
    KEPT,
    LAG_S,
    MEMBERS_VERSION,
    REPLICA,
    SENTINEL,
    SERVERS,
    SOCKET,
    maxmemory_mib,
)
from skytier.services.service import UNITS, Placement, Service, check
from skytier.services.setup import REMOVALS, File, Setup
from skytier.stackfile import StackFile
from skytier.topology import Endpoint, Exposure, Need, Topology

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

    def needs(self, stack: StackFile) -> Sequence[Need]:
        """The other members, if there are any, and who says which of them is the primary."""
        return [Need("redis"), Need("sentinel")] if stack.cache.replicated else []

    def packages(self, at: Placement) -> Sequence[str]:
        """Redis; and what members make their certificates by."""
        return ["redis-server", *(["openssl"] if at.stack.cache.replicated else [])]

    def endpoints(self, stack: StackFile) -> Sequence[Endpoint]:
        """A port for each server."""
        return [Endpoint(each.name, each.port, Exposure.CONSUMERS) for each in SERVERS]

    def setup(self, at: Placement) -> Setup:
        """Both servers with their users. Of several members each finds the others."""
        members, replicated = at.needed(Need("redis")), at.stack.cache.replicated
        values = {
            "etc": ETC,
            "secrets": SECRETS,
            "data": DATA,
            "name": at.machine.name,
            "address": at.machine.address,
            "network": at.stack.cidr,
            "servers": SERVERS,
            "kept": KEPT,
            "cache": CACHE,
            "memory_mib": maxmemory_mib(KEPT, members if replicated else [at.machine]),
            "replicated": replicated,
            "replica": REPLICA,
            "sentinel": SENTINEL,
            "member_password": MEMBER_PASSWORD,
            "authority": AUTHORITY,
            "program": DUTY,
            "hand_over": HAND_OVER,
            "lag_s": LAG_S,
            "least_version": MEMBERS_VERSION,
            "password": PASSWORD,
            "monitor": MONITOR,
            "monitor_password": MONITOR_PASSWORD,
            "exporter_passwords": EXPORTER_PASSWORDS,
            # It looks its password up by the address: Debian 12's without the user, others with it.
            "exporter_addresses": [
                f"unix://{user}{socket}"
                for socket in (
                    *(each.socket for each in SERVERS),
                    *([SOCKET] if replicated else []),
                )
                for user in ("", f"{MONITOR}@")
            ],
            "key": KEY,
            "certificate": CERTIFICATE,
        }
        removal = f"#!/bin/bash\n{render(PACKAGE, 'removal.sh', **values)}"
        files = [File(f"{REMOVALS}/71-redis", removal, 0o700)]
        for each in SERVERS:
            memory_mib = maxmemory_mib(each, members if replicated else [at.machine])
            own = {**values, "server": each, "memory_mib": memory_mib}
            files.append(File(f"{ETC}/{each.name}.conf", render(PACKAGE, "redis.conf", **own)))
            addition = f"{UNITS}/{each.unit}.service.d/skytier.conf"
            files.append(File(addition, render(PACKAGE, "redis.service.conf", **own)))
        return Setup(
            files=files,
            script=render(PACKAGE, "setup.sh", **values),
            checks=[check(PACKAGE, "redis", values)],
            secrets=(
                *(PASSWORD, MONITOR_PASSWORD),
                *((MEMBER_PASSWORD, *AUTHORITY.names) if replicated else (KEY, CERTIFICATE)),
            ),
        )

    def removal(self, at: Placement) -> Setup:
        """Both are stopped, if Skytier once set them up. The file with the keys stays, aside."""
        values = {"etc": ETC, "data": DATA, "kept": KEPT, "cache": CACHE}
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
        """A job of Prometheus for each server; and for Sentinel, if there are several members."""
        names = [each.name for each in SERVERS]
        names += ["redis-sentinel"] if stack.cache.replicated else []
        return [Endpoint(name, self.port, Exposure.MONITOR) for name in names]


REDIS = Redis()
EXPORTER = RedisExporter()
