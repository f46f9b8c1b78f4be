"""The secrets of a stack, before they are sent anywhere."""

import io
import ipaddress
import ssl
import tarfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from skytier.cloud.machines import archive
from skytier.cloud.vault import Vault, self_signed
from skytier.errors import SkytierError
from skytier.resources.kind import Known
from skytier.roles.role import File, Machine, Site

SITE = Site(
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
    vault = Vault(lambda known: {"database_password": "as it was"})
    got = vault.get(NAMES, SITE, Known())
    assert got["database_password"] == "as it was"
    assert got["database_tls_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert vault.get(NAMES, SITE, Known()) == got


def test_the_machine_is_asked_once() -> None:
    asked = []

    def read(known: Known) -> dict[str, str]:
        asked.append(1)
        return {}

    vault = Vault(read)
    passwords = {vault.get(["database_password"], SITE, Known())["database_password"] for _ in "ab"}
    assert (len(asked), len(passwords)) == (1, 1)
    assert len(passwords.pop()) >= 32


def test_a_password_of_somebody_else_s_server_is_asked_for_and_never_made() -> None:
    for kept, given, expected in (
        ({}, {"smtp_password": "new"}, "new"),
        ({"smtp_password": "kept"}, {}, "kept"),
        ({"smtp_password": "kept"}, {"smtp_password": "new"}, "new"),
    ):
        vault = Vault(lambda known, kept=kept: kept, given)  # type: ignore[misc]
        assert vault.get(["smtp_password"], SITE, Known()) == {"smtp_password": expected}
    with pytest.raises(SkytierError) as refused:
        Vault(lambda known: {}).get(["smtp_password"], SITE, Known())
    assert "SKYTIER_SMTP_PASSWORD" in refused.value.do


def test_the_databases_certificate_names_its_address_and_fits_its_key() -> None:
    got = Vault(lambda known: {}).get(NAMES, SITE, Known())
    certificate = x509.load_pem_x509_certificate(got["database_tls_certificate"].encode())
    key = load_pem_private_key(got["database_tls_key"].encode(), None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("192.168.128.11")]
    assert "shop-database-1" in names.get_values_for_type(x509.DNSName)
    assert key.public_key() == certificate.public_key()  # type: ignore[union-attr]


@pytest.mark.parametrize("names", [["shop.example.org", "203.0.113.7"]])
def test_openssl_takes_a_certificate_as_its_own_authority(names: list[str]) -> None:
    _, certificate = self_signed(names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate)
    assert len(context.get_ca_certs()) == 1


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
