"""What answers at auth_url is looked at before a password is sent; real servers, real TLS."""

import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1.session import Session
from openstack import exceptions as sdk

from skytier import doctor
from skytier.doctor import State, cloud
from skytier.errors import SkytierError
from skytier.openstack.login import connection, keystone, unconnected
from skytier.stackfile import StackFile
from tests.skytier_command import free_port
from tests.tool.loopback import Answer, as_json, serving, version_document

V3 = {"version": {"id": "v3.14", "status": "stable", "links": []}}
V2 = {"version": {"id": "v2.0", "status": "deprecated", "links": []}}
NOT_FOUND = {"error": {"code": 404, "message": "Not Found", "title": "Not Found"}}
HTML = (200, {"Content-Type": "text/html"}, b"<html>It works!</html>")


def look(answer: Answer, path: str = "/v3", tls: ssl.SSLContext | None = None) -> None:
    with serving(answer, tls) as url:
        keystone.look(Session(timeout=20), url + path)


@pytest.mark.parametrize(
    "document",
    [V3, {"versions": {"values": [V2["version"], V3["version"]]}}, {"versions": [V3["version"]]}],
)
@pytest.mark.parametrize("status", [200, 300])
def test_keystone_is_known_by_its_document(document: Any, status: int) -> None:
    look(lambda *_: as_json(status, document))


OTHERS: dict[str, tuple[tuple[int, dict[str, str], bytes], str, str]] = {
    "a page": (HTML, "is not Keystone: it answers with text/html", "auth_url"),
    "a path that Keystone does not have": (
        as_json(404, NOT_FOUND), "is not Keystone: it answers with 404", "/v3"),
    "another API": (as_json(200, {"hello": 1}), "is not Keystone", "/v3"),
    "null": (as_json(200, None), "is not Keystone", "/v3"),
    "a list": (as_json(200, [V3]), "is not Keystone", "/v3"),
    "nothing": ((200, {}, b""), "is not Keystone: it answers with nothing", "/v3"),
    "a version that is too old": (as_json(200, V2), "has only v2.0", "auth_url"),
    "a proxy that has no Keystone": ((503, {}, b"no"), "answers with an error (503", "later"),
    "a sign-in of a proxy": (
        (302, {"Location": "https://login.example.org/"}, b""), "leads to https://login",
        "auth_url"),
    "a way to https": (
        (301, {"Location": "https://cloud.example.org/v3"}, b""), "leads to https://cloud",
        "write"),
    "https": (
        (400, {}, b"<h1>The plain HTTP request was sent to HTTPS port</h1>"), "speaks https",
        "https://"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_not_keystone_is_told(case: str) -> None:
    answer, said, do = OTHERS[case]
    with pytest.raises(SkytierError) as error:
        look(lambda *_: answer)
    assert said in error.value.what
    assert do in str(error.value.do)


@given(st.binary(max_size=60) | st.text(max_size=20).map(str.encode))
def test_whatever_answers_has_versions_or_none(body: bytes) -> None:
    assert isinstance(keystone.versions_of(body), list)


Make = Callable[..., ssl.SSLContext]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Make]:
    """A CA's certificate, and what makes a server's TLS by it."""
    there, now = tmp_path_factory.mktemp("ca"), datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's CA")])

    def signed(subject: x509.Name, own: Any, begin: datetime, end: datetime, **more: Any) -> Any:
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(more["issuer"])
        built = built.public_key(own.public_key()).serial_number(x509.random_serial_number())
        built = built.not_valid_before(begin).not_valid_after(end)
        for extension, critical in more["extensions"]:
            built = built.add_extension(extension, critical)
        return built.sign(more["by"], hashes.SHA256())

    ca = signed(
        name, key, now - DAY, now + DAY, issuer=name, by=key,
        extensions=[
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
        ],
    )  # fmt: skip
    (there / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))

    def make(
        names: list[x509.GeneralName] | None = None,
        begin: datetime = now - DAY,
        end: datetime = now + DAY,
        own: bool = False,
    ) -> ssl.SSLContext:
        server = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        found = names or [x509.IPAddress(ip_address("127.0.0.1"))]
        cert = signed(
            subject, server, begin, end,
            issuer=subject if own else name, by=server if own else key,
            extensions=[
                (x509.SubjectAlternativeName(found), False),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    (server if own else key).public_key()), False),
            ],
        )  # fmt: skip
        file = there / f"{cert.serial_number}.pem"
        file.write_bytes(
            server.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + cert.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    return there / "ca.pem", make


def of_tls(ca: Path | bool, tls: ssl.SSLContext | None, scheme: str = "https") -> None:
    with serving(lambda *_: as_json(200, V3), tls) as url:
        there = f"{scheme}://{url.partition('://')[2]}/v3"
        session = Session(verify=str(ca) if isinstance(ca, Path) else ca, timeout=20)
        keystone.look(session, there)


def test_a_good_certificate_is_trusted(authority: tuple[Path, Make]) -> None:
    ca, make = authority
    of_tls(ca, make())


TLS: dict[str, tuple[Callable[[Path, Make], None], str, str]] = {
    "an authority that is not known": (
        lambda ca, make: of_tls(True, make()), "from an authority that this machine does not know",
        "cacert:"),
    "a certificate that nobody signed": (
        lambda ca, make: of_tls(ca, make(own=True)),
        "from an authority that this machine does not know", "cacert:"),
    "another name": (
        lambda ca, make: of_tls(ca, make([x509.DNSName("other.example.org")])),
        "is for another name", "auth_url"),
    "another address": (
        lambda ca, make: of_tls(ca, make([x509.IPAddress(ip_address("192.0.2.1"))])),
        "is for another name", "auth_url"),
    "it has expired": (
        lambda ca, make: of_tls(
            ca, make(begin=datetime.now(UTC) - 3 * DAY, end=datetime.now(UTC) - DAY)),
        "has expired", "clock"),
    "it is of tomorrow": (
        lambda ca, make: of_tls(
            ca, make(begin=datetime.now(UTC) + DAY, end=datetime.now(UTC) + 2 * DAY)),
        "is not valid yet", "clock"),
    "https to a server of http": (
        lambda ca, make: of_tls(ca, None), "does not speak https, but probably http", "http://"),
    "http to a server of https": (
        lambda ca, make: of_tls(ca, make(), scheme="http"), "does not answer", "https://"),
}  # fmt: skip


@pytest.mark.parametrize("case", TLS)
def test_what_is_wrong_with_tls_is_told_apart(authority: tuple[Path, Make], case: str) -> None:
    attempt, said, do = TLS[case]
    with pytest.raises(SkytierError) as error:
        attempt(*authority)
    assert said in error.value.what
    assert do in str(error.value.do)
    others = {other for _, other, _ in TLS.values()} - {said}
    assert not [other for other in others if other in error.value.what]


@pytest.fixture
def clouds_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))

    def write(auth_url: str) -> None:
        auth = {"auth_url": auth_url, "username": "ada", "password": "hunter2"}
        auth |= {"project_name": "p", "user_domain_id": "default", "project_domain_id": "default"}
        entry = {"auth": auth, "region_name": "RegionOne"}
        (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"c": entry}}))

    return write


class Recorder:
    """A Keystone with three other services, and all that it was asked."""

    def __init__(self, document: tuple[int, dict[str, str], bytes] | None = None) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.url = ""
        self.document = document

    def __call__(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((method, path, body))
        if self.document:
            return self.document
        if method == "POST":
            status, headers, text = as_json(201, {"token": self._token()})
            return status, {**headers, "X-Subject-Token": "t"}, text
        if path.startswith("/v3"):
            links = [{"rel": "self", "href": f"{self.url}/v3/"}]
            return as_json(200, {"version": {**V3["version"], "links": links}})
        return version_document(path)

    def _token(self) -> dict[str, Any]:
        services = [("compute", "v2.1"), ("network", "v2.0"), ("image", "v2")]
        return {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": "ada", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": "p", "domain": {"id": "default", "name": "Default"}},
            "catalog": [
                {
                    "type": name,
                    "name": name,
                    "id": name,
                    "endpoints": [
                        {"id": name, "interface": "public", "region": "RegionOne",
                         "region_id": "RegionOne", "url": f"{self.url}/{name}/{number}"}
                    ],
                }
                for name, number in services
            ],
        }  # fmt: skip


def test_keystone_is_looked_at_and_then_asked_for_a_token(
    clouds_yaml: Callable[[str], None],
) -> None:
    recorder = Recorder()
    with serving(recorder) as url:
        recorder.url = url
        clouds_yaml(f"{url}/v3")
        connection.connect("c")

    assert recorder.asked[0][:2] == ("GET", "/v3")
    assert [method for method, _, _ in recorder.asked].count("POST") == 1


@pytest.mark.parametrize(
    ("path", "document"),
    [("/v3/v3/", as_json(404, NOT_FOUND)), ("/v3", HTML), ("", HTML), ("/v3", as_json(200, V2))],
)
def test_no_password_is_sent_to_what_is_not_keystone(
    clouds_yaml: Callable[[str], None], path: str, document: tuple[int, dict[str, str], bytes]
) -> None:
    recorder = Recorder(document)
    with serving(recorder) as url:
        clouds_yaml(url + path)
        with pytest.raises(SkytierError) as error:
            connection.connect("c")
        found = cloud.reach
        subject = cloud.Subject(StackFile(), "c")
        with pytest.raises(SkytierError):
            found(subject)

    assert url + path in error.value.what
    assert {method for method, _, _ in recorder.asked} == {"GET"}
    assert not [body for _, _, body in recorder.asked if b"hunter2" in body]


def test_the_doctor_says_that_keystone_answers_and_has_its_clock(
    clouds_yaml: Callable[[str], None],
) -> None:
    with serving(Recorder()) as url:
        clouds_yaml(f"{url}/v3")
        subject = cloud.Subject(StackFile(), "c")
        assert cloud.reach(subject).state is State.OK
    assert abs(subject.skew_s) < 30


@pytest.mark.parametrize("error", [sdk.ForbiddenException("no", http_status=403), ValueError("x")])
def test_whatever_a_check_of_the_doctor_raises_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raising(_: object) -> None:
        raise error

    check = doctor.Check("flavor", raising)  # type: ignore[arg-type]
    found = doctor._look(check, cloud.Subject(StackFile(), "c"))

    assert found.state is State.FAILED
    assert found.do
    assert ("could not be asked for its flavor" in found.said) == isinstance(
        error, sdk.SDKException
    )


def test_nobody_who_listens_is_told(clouds_yaml: Callable[[str], None]) -> None:
    url = f"http://127.0.0.1:{free_port()}/v3"
    clouds_yaml(url)
    with pytest.raises(SkytierError, match="does not answer") as error:
        connection.connect("c")
    assert "VPN" in str(error.value.do)


def tree(base: type[Exception]) -> list[type[Exception]]:
    return [base, *(each for sub in base.__subclasses__() for each in tree(sub))]


RAISED = sorted(
    {*tree(sdk.SDKException), *tree(keystoneauth.ClientException)},
    key=lambda each: f"{each.__module__}.{each.__name__}",
)


def made(kind: type[Exception]) -> Exception:
    """One of a kind, whatever it is made of."""
    if issubclass(kind, keystoneauth.MissingRequiredOptions):
        return kind([])
    if issubclass(kind, sdk.HttpException):
        return kind("it said so", http_status=503)
    error = kind.__new__(kind, "it said so")
    Exception.__init__(error, "it said so")
    return error


@pytest.mark.parametrize("kind", RAISED, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_whatever_the_libraries_raise_has_a_sentence_and_a_next_step(
    kind: type[Exception],
) -> None:
    for error in (
        unconnected.connection_error("c", "https://cloud.example.org/v3", made(kind)),
        unconnected.entry_error("clouds.yaml, line 3", "c", made(kind)),
    ):
        assert error.what.endswith(".") or "It says" in error.what
        assert error.do
    specific = unconnected.meaning(made(kind))
    assert specific != unconnected.MEANINGS[Exception]


@pytest.mark.parametrize("kind", [TypeError, ValueError, OSError, KeyError, AttributeError])
def test_so_has_what_python_raises_of_itself(kind: type[Exception]) -> None:
    error = unconnected.connection_error("c", "", kind("it said so"))
    assert error.what.startswith("The cloud c cannot be used: ")
    assert error.do
