"""The secrets of a stack, before they are sent anywhere."""

import contextlib
import io
import ipaddress
import ssl
import tarfile
import tempfile
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from skytier import roles
from skytier.deploy.files import UNPACK, archive
from skytier.errors import SkytierError
from skytier.secrets.certificate import self_signed
from skytier.secrets.vault import Vault
from skytier.services.setup import File
from skytier.topology import Topology
from tests.roles.topology import DATABASE, TOPOLOGIES, WEB, topology

TOPOLOGY = topology('tls = "self-signed"')
NAMES = ["database_password", "database_tls_key", "database_tls_certificate"]


def got(
    names: list[str], stack: Topology = TOPOLOGY, kept: dict[str, str] | None = None
) -> dict[str, str]:
    """What a new vault gives, where `kept` is stored; what it keeps is put there."""
    there = {} if kept is None else kept
    return Vault(there.update).get(names, roles.secrets(stack), lambda: dict(there))


def test_what_the_machine_has_is_taken_and_what_is_missing_is_made() -> None:
    kept: dict[str, str] = {}
    vault, declared = Vault(kept.update), roles.secrets(TOPOLOGY)
    first = vault.get(NAMES, declared, lambda: {"database_password": "as it was"})
    assert first["database_password"] == "as it was"
    assert first["database_tls_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert vault.get(NAMES, declared, lambda: {"database_password": "as it was"}) == first
    assert kept == {name: first[name] for name in NAMES if "tls" in name}, "before it was used"


def test_the_machine_is_asked_once() -> None:
    asked = []

    def read() -> dict[str, str]:
        asked.append(1)
        return {}

    vault, declared = Vault(lambda made: None), roles.secrets(TOPOLOGY)
    passwords = {
        vault.get(["database_password"], declared, read)["database_password"] for _ in "ab"
    }
    assert (len(asked), len(passwords)) == (1, 1)
    assert len(passwords.pop()) >= 32


def test_a_password_of_somebody_else_s_server_is_asked_for_and_never_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = TOPOLOGIES["a monitor of its own"]
    monkeypatch.delenv("SKYTIER_SMTP_PASSWORD", raising=False)
    with pytest.raises(SkytierError) as refused:
        got(["smtp_password"], stack)
    assert "SKYTIER_SMTP_PASSWORD" in refused.value.do
    assert got(["smtp_password"], stack, {"smtp_password": "kept"}) == {"smtp_password": "kept"}
    monkeypatch.setenv("SKYTIER_SMTP_PASSWORD", "new")
    for kept in ({}, {"smtp_password": "kept"}):
        assert got(["smtp_password"], stack, kept) == {"smtp_password": "new"}
        assert kept == {"smtp_password": "new"}, "it is given once"
    kept = {}
    got(["database_password"], stack, kept)
    assert "smtp_password" not in kept, "nobody asked for it"


def test_the_databases_certificate_names_its_address_and_fits_its_key() -> None:
    made = got(NAMES)
    certificate = x509.load_pem_x509_certificate(made["database_tls_certificate"].encode())
    key = load_pem_private_key(made["database_tls_key"].encode(), None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    at = [DATABASE.address, "127.0.0.1"]  # the second for the proxy of a web server
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(each) for each in at]
    assert "shop-database-1" in names.get_values_for_type(x509.DNSName)
    assert key.public_key() == certificate.public_key()  # type: ignore[union-attr]


def test_the_databases_certificate_stays_whatever_it_names() -> None:
    kept: dict[str, str] = {}
    first = got(NAMES, TOPOLOGY, kept)
    moved = topology("", [WEB, replace(DATABASE, address="192.168.128.77")])
    assert got(NAMES, moved, kept) == first


TLS = ["web_tls_key", "web_tls_certificate"]


def test_every_configuration_finds_the_web_servers_certificate_of_the_first() -> None:
    kept: dict[str, str] = {}
    first = got(TLS, TOPOLOGY, kept)
    second = replace(WEB, name="shop-web-2", number=2, address="192.168.128.12")

    for stack in (TOPOLOGY, topology('tls = "self-signed"', [second, *TOPOLOGY.machines])):
        assert got(TLS, stack, kept) == first
    names = san(first["web_tls_certificate"])
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("203.0.113.7")]


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        (topology('tls = "self-signed"\ndomain = "shop.example.org"'), "shop.example.org"),
        (replace(TOPOLOGY, public_address="203.0.113.8"), "203.0.113.8"),
    ],
    ids=["domain", "address"],
)
def test_another_name_of_the_stack_makes_another_certificate_for_all(
    stack: Topology, name: str
) -> None:
    kept: dict[str, str] = {}
    got(TLS, TOPOLOGY, kept)
    before = dict(kept)

    made = got(TLS, stack, kept)

    assert made == kept
    assert made["web_tls_key"] != before["web_tls_key"]
    assert name in [str(each.value) for each in san(made["web_tls_certificate"])]


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
        # Their directory is made before, and not by tar, which would close it to all for a moment.
        assert "install -d -m 0700 /etc/skytier/secrets" in UNPACK
        assert all(member.isfile() for member in members.values())
        assert members["etc/x.conf"].mode == 0o640
        content = tar.extractfile("etc/x.conf")
        assert content is not None
        assert content.read() == b"x = 1\n"
