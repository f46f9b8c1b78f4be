"""The secrets of Redis, which its clients use too."""

from collections.abc import Sequence

from skytier.secrets.secret import Authority, Password, Secret, SelfSigned
from skytier.stackfile import StackFile
from skytier.topology import Topology

PASSWORD = "redis_password"  # noqa: S105  # the secret's name
MONITOR_PASSWORD = "redis_monitor_password"  # noqa: S105  # the secret's name
TLS = "redis_tls"
KEY, CERTIFICATE = f"{TLS}_key", f"{TLS}_certificate"
MEMBER_PASSWORD = "redis_member_password"  # noqa: S105  # the secret's name
"""By which several members and their Sentinels come to each other."""
AUTHORITY = Authority("redis_ca")
"""Signs the certificates of several members, which each machine makes itself."""


def trusted(stack: StackFile) -> str:
    """The secret with the certificate that clients trust."""
    return AUTHORITY.certificate if stack.cache.replicated else CERTIFICATE


def declared(topology: Topology) -> Sequence[Secret]:
    """The passwords of the application and of the exporter, and the certificate that clients trust.

    The certificate of one server names the addresses of its machine, because clients insist on
    that. It is made anew when Redis moves to another machine. Several members have an authority, so
    that one that moves changes nothing for the others.
    """
    if topology.stack.cache.replicated:
        passwords = (PASSWORD, MONITOR_PASSWORD, MEMBER_PASSWORD)
        return (*(Password(name) for name in passwords), AUTHORITY)
    machines = topology.running("redis")
    hosts = [text for machine in machines for text in (machine.address, machine.name) if text]
    return (
        Password(PASSWORD),
        Password(MONITOR_PASSWORD),
        SelfSigned(TLS, hosts, renewed=True),
    )
