"""The secrets of the database, which its clients use too."""

from skytier.secrets.secret import Password, SelfSigned
from skytier.services.postgresql.config import LOOPBACK
from skytier.topology import Topology

PASSWORD = "database_password"  # noqa: S105  # the secret's name
"""The current login: see `skytier.services.postgresql.login`."""
NEXT = f"{PASSWORD}_next"
"""The one that a rotation is about to put in its place."""
TLS = "database_tls"
KEY, CERTIFICATE = f"{TLS}_key", f"{TLS}_certificate"


def declared(topology: Topology) -> tuple[Password, SelfSigned]:
    """The password of the application's role, and the certificate that clients trust.

    It names the addresses of the machines (subjectAltName IP), because the application insists on
    that; and the address at which clients on a web server find the primary of several members.
    """
    machines = topology.running("postgresql")
    hosts = [text for machine in machines for text in (machine.address, machine.name) if text]
    insists_on = [LOOPBACK] if len(machines) > 1 else []
    return Password(PASSWORD), SelfSigned(TLS, [*hosts, LOOPBACK], insists_on=insists_on)
