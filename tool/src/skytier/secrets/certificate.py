"""Certificates that vouch for themselves."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_DAYS = 3650
"""These certificates are relied on by the stack's own machines, and by whoever was given one."""


def self_signed(hosts: Sequence[str]) -> tuple[str, str]:
    """A private key and a certificate that it signed itself, as PEM, for servers of these hosts.

    Whoever trusts it trusts these names alone: it can sign no other.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _begun(hosts[0][:64], key)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_SIGNS_HANDSHAKES, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    )
    return _signed(builder, key)


def authority(name: str) -> tuple[str, str]:
    """A private key and the certificate of an authority of that name, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _begun(name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(_SIGNS_CERTIFICATES, True)
        .add_extension(identifier, False)
    )
    return _signed(builder, key)


def _begun(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """A certificate of its own issuer, without extensions."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    """The key, and the certificate that it signs, as PEM."""
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), certificate.public_bytes(Encoding.PEM).decode()


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Of a key for handshakes; or of an authority's, which `signs` certificates."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


_SIGNS_HANDSHAKES, _SIGNS_CERTIFICATES = _usage(signs=False), _usage(signs=True)


def names(certificate: str, hosts: Sequence[str]) -> bool:
    """Whether a certificate, as PEM, is made out for all of these hosts."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return {*map(_name, hosts)} <= {*named}


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
