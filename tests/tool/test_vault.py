"""The secrets of a stack, before they are sent anywhere."""

import contextlib
import io
import ipaddress
import ssl
import tarfile
import tempfile
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from skytier.deploy.kind import Known
from skytier.deploy.machines import archive
from skytier.errors import SkytierError
from skytier.roles.role import File, Machine, Topology
from skytier.secrets.vault import Vault, self_signed

TOPOLOGY = Topology(
    stack="shop",
    machines=[
        Machine("shop-web-1", "web", 1, "192.168.128.10", 4096, 2),
        Machine("shop-database-1", "database", 1, "192.168.128.11", 4096, 2),
    ],
    cidr="192.168.128.0/24",
    public_address="203.0.113.7",
)
NAMES = ["database_password", "database_tls_key", "database_tls_certificate"]


def test_what_the_machine_has_is_taken_and_what_is_missing_is_made() -> None:
    kept: dict[str, str] = {}
    vault = Vault(lambda known: {"database_password": "as it was"}, kept.update)
    got = vault.get(NAMES, TOPOLOGY, Known())
    assert got["database_password"] == "as it was"
    assert got["database_tls_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert vault.get(NAMES, TOPOLOGY, Known()) == got
    assert kept == {name: got[name] for name in NAMES if "tls" in name}, "before it was used"


def test_the_machine_is_asked_once() -> None:
    asked = []

    def read(known: Known) -> dict[str, str]:
        asked.append(1)
        return {}

    vault = Vault(read, lambda made: None)
    passwords = {
        vault.get(["database_password"], TOPOLOGY, Known())["database_password"] for _ in "ab"
    }
    assert (len(asked), len(passwords)) == (1, 1)
    assert len(passwords.pop()) >= 32


def test_a_password_of_somebody_else_s_server_is_asked_for_and_never_made() -> None:
    for kept, given, expected in (
        ({}, {"smtp_password": "new"}, "new"),
        ({"smtp_password": "kept"}, {}, "kept"),
        ({"smtp_password": "kept"}, {"smtp_password": "new"}, "new"),
    ):
        vault = Vault(lambda known, kept=kept: kept, lambda made: None, given)  # type: ignore[misc]
        assert vault.get(["smtp_password"], TOPOLOGY, Known()) == {"smtp_password": expected}
    with pytest.raises(SkytierError) as refused:
        Vault(lambda known: {}, lambda made: None).get(["smtp_password"], TOPOLOGY, Known())
    assert "SKYTIER_SMTP_PASSWORD" in refused.value.do


def test_the_databases_certificate_names_its_address_and_fits_its_key() -> None:
    got = Vault(lambda known: {}, lambda made: None).get(NAMES, TOPOLOGY, Known())
    certificate = x509.load_pem_x509_certificate(got["database_tls_certificate"].encode())
    key = load_pem_private_key(got["database_tls_key"].encode(), None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.168.128.11")]
    assert "shop-database-1" in names.get_values_for_type(x509.DNSName)
    assert key.public_key() == certificate.public_key()  # type: ignore[union-attr]


WEB = ["web_tls_key", "web_tls_certificate"]


def test_every_configuration_finds_the_web_servers_certificate_of_the_first() -> None:
    kept: dict[str, str] = {}
    first = Vault(lambda known: dict(kept), kept.update).get(WEB, TOPOLOGY, Known())
    more = [Machine("shop-web-2", "web", 2, "192.168.128.12", 4096, 2), *TOPOLOGY.machines]

    for topology in (TOPOLOGY, replace(TOPOLOGY, machines=more)):
        assert Vault(lambda known: dict(kept), kept.update).get(WEB, topology, Known()) == first
    names = san(first["web_tls_certificate"])
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("203.0.113.7")]


@pytest.mark.parametrize(
    "change", [{"domain": "shop.example.org"}, {"public_address": "203.0.113.8"}]
)
def test_another_name_of_the_site_makes_another_certificate_for_all(change: Any) -> None:
    kept: dict[str, str] = {}
    Vault(lambda known: dict(kept), kept.update).get(WEB, TOPOLOGY, Known())
    before, topology = dict(kept), replace(TOPOLOGY, **change)

    made = Vault(lambda known: dict(kept), kept.update).get(WEB, topology, Known())

    assert made == kept
    assert made["web_tls_key"] != before["web_tls_key"]
    names = [str(name.value) for name in san(made["web_tls_certificate"])]
    assert set(change.values()) <= set(names)


def san(certificate: str) -> x509.SubjectAlternativeName:
    loaded = x509.load_pem_x509_certificate(certificate.encode())
    return loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


NAMES_OF_SITES = [
    ["shop.example.org", "203.0.113.7"],
    ["192.168.128.11", "shop-database-1"],
    [f"{'x' * 60}.{'y' * 60}.example.org"],
]


@pytest.mark.parametrize("names", NAMES_OF_SITES)
def test_a_certificate_is_good_for_its_server_and_can_sign_no_other(names: list[str]) -> None:
    key, text = self_signed(names)
    extensions = x509.load_pem_x509_certificate(text.encode()).extensions

    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.critical, basic.value.ca) == (True, False)
    assert (usage.critical, usage.value.digital_signature) == (True, True)
    assert not usage.value.key_cert_sign
    server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == server_auth
    assert [str(name.value) for name in san(text)] == names
    for name in names:
        shake_hands(key, text, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(key, text, "elsewhere.example.org")


def shake_hands(key: str, certificate: str, name: str) -> None:
    """OpenSSL as client, which trusts the certificate alone, and as server."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
        pair.write(key + certificate)
        pair.flush()
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(pair.name)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.load_verify_locations(cadata=certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        asking.wrap_bio(back, there, server_hostname=name),
        serving.wrap_bio(there, back, server_side=True),
    ]
    for end in ends * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    assert ends[0].version() == "TLSv1.3"


def test_secrets_are_packed_for_root_alone_and_files_as_they_say() -> None:
    packed = archive([File("/etc/x.conf", "x = 1\n", 0o640)], {"database_password": "secret"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = {member.name: member for member in tar}
        secret = members["etc/skytier/secrets/database_password"]
        assert (secret.mode, secret.uname) == (0o400, "root")
        assert members["etc/skytier/secrets"].mode == 0o700
        assert members["etc/x.conf"].mode == 0o640
        content = tar.extractfile("etc/x.conf")
        assert content is not None
        assert content.read() == b"x = 1\n"
