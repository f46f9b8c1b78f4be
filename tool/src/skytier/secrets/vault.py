"""The secrets of a stack. They live on its database machine; this is how they come there.

Made on the operator's side when there is none yet, sent over SSH, kept in /etc/skytier/secrets
where only root reads them before anything uses them, and read from there the next time, from
whichever machine.
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
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skytier.deploy.kind import Known
from skytier.errors import SkytierError
from skytier.roles.monitor.alertmanager import SMTP_PASSWORD
from skytier.roles.role import Topology

DIRECTORY = "/etc/skytier/secrets"
CERTIFICATE_DAYS = 3650
"""These certificates are relied on by the stack's own machines, and by whoever was given one."""

GIVEN = {SMTP_PASSWORD: "SKYTIER_SMTP_PASSWORD"}
"""Secrets that nobody can make: name to the variable that they come in. One is needed once."""

Read = Callable[[Known], dict[str, str]]
"""Reads the secrets that the database machine has: name to text."""
Keep = Callable[[Mapping[str, str]], None]
"""Puts secrets on that machine: name to text."""


def given() -> dict[str, str]:
    """The secrets that this run was given: name to text."""
    return {
        name: os.environ[variable] for name, variable in GIVEN.items() if variable in os.environ
    }


class Vault:
    """Secrets by name: `database_password`, and `X_tls_key` with `X_tls_certificate`."""

    def __init__(self, read: Read, keep: Keep, given: Mapping[str, str] | None = None) -> None:
        self._read = read
        self._keep = keep
        self._given = dict(given or {})
        self._secrets: dict[str, str] | None = None
        self._lock = threading.Lock()

    def get(self, names: Sequence[str], topology: Topology, known: Known) -> dict[str, str]:
        """The secrets of these names; what is missing is made, and kept before it is returned."""
        with self._lock:
            if self._secrets is None:
                self._secrets = self._read(known) | self._given
            made: dict[str, str] = {}
            for name in names:
                if name not in made and not _is_good(name, self._secrets, topology):
                    made |= _make(name, topology)
            if made:
                self._keep(made)
                self._secrets |= made
            return {name: self._secrets[name] for name in names}


def _is_good(name: str, secrets: Mapping[str, str], topology: Topology) -> bool:
    """Whether there is one that still fits: the web servers' certificate has their names."""
    if name not in secrets:
        return False
    if not name.startswith("web_tls_"):
        return True  # of one machine, whose address it keeps
    try:
        certificate = x509.load_pem_x509_certificate(secrets["web_tls_certificate"].encode())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (KeyError, ValueError, x509.ExtensionNotFound):
        return False
    return {*map(_name, names_of("web", topology))} <= {*found}


def _make(name: str, topology: Topology) -> dict[str, str]:
    if name in GIVEN:
        account = topology.monitoring and topology.monitoring.smtp_username
        raise SkytierError(
            f"The password of the account {account} at the e-mail server is not known.",
            f"Run skytier up again with it in the variable {GIVEN[name]}, this once.",
        )
    for ending in ("_tls_key", "_tls_certificate"):
        if name.endswith(ending):
            role = name.removesuffix(ending)
            key, certificate = self_signed(names_of(role, topology))
            return {f"{role}_tls_key": key, f"{role}_tls_certificate": certificate}
    return {name: secrets.token_urlsafe(32)}


def names_of(role: str, topology: Topology) -> list[str]:
    """What the machines of a role are called by those who connect: addresses and host names.

    Visitors use one name for all web servers, which have one certificate, however many they are.
    """
    if role == "web" and (public := [*filter(None, [topology.domain, topology.public_address])]):
        return public
    named = [text for machine in topology.of(role) for text in (machine.address, machine.name)]
    return [name for name in named if name]


def self_signed(names: list[str]) -> tuple[str, str]:
    """A private key and a certificate that it signed itself, as PEM, for servers of these names.

    Whoever trusts it trusts these names alone: it can sign no other.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
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
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_SIGNS_HANDSHAKES, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), certificate.public_bytes(Encoding.PEM).decode()


_SIGNS_HANDSHAKES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
