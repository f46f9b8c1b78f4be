"""The secrets of Redis, which its clients use too."""

from collections.abc import Sequence

from skytier.secrets.secret import Password, Secret, SelfSigned
from skytier.topology import Topology

PASSWORD = "redis_password"  # noqa: S105  # the secret's name
MONITOR_PASSWORD = "redis_monitor_password"  # noqa: S105  # the secret's name
TLS = "redis_tls"
KEY, CERTIFICATE = f"{TLS}_key", f"{TLS}_certificate"


def declared(topology: Topology) -> Sequence[Secret]:
    """The passwords of the application and of the exporter, and the certificate that clients trust.

    The certificate names the addresses of the machines, because clients insist on that. It is made
    anew when Redis moves to another machine.
    """
    machines = topology.running("redis")
    hosts = [text for machine in machines for text in (machine.address, machine.name) if text]
    return (
        Password(PASSWORD),
        Password(MONITOR_PASSWORD),
        SelfSigned(TLS, hosts, renewed=True),
    )
