"""The secrets of a stack. They live on its database machine; this is how they come there.

Made on the operator's side when there is none yet, sent over SSH, kept in /etc/skytier/secrets
where only root reads them, and read from there the next time, from whichever machine.
"""

import ipaddress
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from skytier.errors import SkytierError
from skytier.resources.kind import Known
from skytier.roles.monitor.alertmanager import SMTP_PASSWORD
from skytier.roles.role import Site

DIRECTORY = "/etc/skytier/secrets"
CERTIFICATE_DAYS = 3650
"""Nobody but the stack's own machines relies on these certificates, and they trust no other."""

GIVEN = {SMTP_PASSWORD: "SKYTIER_SMTP_PASSWORD"}
"""Secrets that nobody can make: name to the variable that they come in. One is needed once."""

Read = Callable[[Known], dict[str, str]]
"""Reads the secrets that the database machine has: name to text."""


def given() -> dict[str, str]:
    """The secrets that this run was given: name to text."""
    return {
        name: os.environ[variable] for name, variable in GIVEN.items() if variable in os.environ
    }


class Vault:
    """Secrets by name: `database_password`, and `X_tls_key` with `X_tls_certificate`."""

    def __init__(self, read: Read, given: Mapping[str, str] | None = None) -> None:
        self._read = read
        self._given = dict(given or {})
        self._secrets: dict[str, str] | None = None
        self._lock = threading.Lock()

    def get(self, names: Sequence[str], site: Site, known: Known) -> dict[str, str]:
        """The secrets of these names; what is missing is made."""
        with self._lock:
            if self._secrets is None:
                self._secrets = self._read(known) | self._given
            for name in names:
                if name not in self._secrets:
                    self._secrets |= _make(name, site)
            return {name: self._secrets[name] for name in names}


def _make(name: str, site: Site) -> dict[str, str]:
    if name in GIVEN:
        raise SkytierError(
            f"The password of the account {site.watching and site.watching.smtp_username} at the "
            "e-mail server is not known.",
            f"Run skytier up again with it in the variable {GIVEN[name]}, this once.",
        )
    for ending in ("_tls_key", "_tls_certificate"):
        if name.endswith(ending):
            role = name.removesuffix(ending)
            key, certificate = self_signed(names_of(role, site))
            return {f"{role}_tls_key": key, f"{role}_tls_certificate": certificate}
    return {name: secrets.token_urlsafe(32)}


def names_of(role: str, site: Site) -> list[str]:
    """What the machines of a role are called by those who connect: addresses and host names."""
    named = [text for machine in site.of(role) for text in (machine.address, machine.name)]
    if role == "web":
        named = [*filter(None, [site.domain, site.public_address]), *named]
    return [name for name in named if name]


def self_signed(names: list[str]) -> tuple[str, str]:
    """A private key and a certificate that it signed itself, as PEM, for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), certificate.public_bytes(Encoding.PEM).decode()


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
