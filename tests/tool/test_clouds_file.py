"""A clouds.yaml with something wrong: the file, the line and the key, whatever it is."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skytier.errors import SkytierError
from skytier.openstack.login import clouds
from skytier.openstack.login.connection import PatientSession

ENTRY = """clouds:
  c:
    auth:
      auth_url: https://cloud.example.org:5000/v3
      username: ada
      project_name: shop
      user_domain_name: Default
      project_domain_name: Default
"""
PASSWORD = '      password: "secret"\n'
APPLICATION = """clouds:
  c:
    auth:
      auth_url: https://cloud.example.org:5000/v3
      application_credential_id: "21dced0fd20347869b93710d2b98aae0"
"""
SECRET = '      application_credential_secret: "secret"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("OS_CLIENT_SECURE_FILE", str(tmp_path / "secure.yaml"))
    monkeypatch.delenv("OS_CLOUD", raising=False)
    return tmp_path / "clouds.yaml"


# Text, line, what is said, what is to be done.
WRONG: dict[str, tuple[str, int, str, str]] = {
    "no password, as the dashboard gives it": (ENTRY, 3, "has no password", "password: ..."),
    "an empty password": (ENTRY + '      password: ""\n', 3, "has no password", "password: ..."),
    "a password that is a number": (
        ENTRY + "      password: 012345\n", 9, "the value of password is no text",
        'password: "..."'),
    "a password that is a date": (
        ENTRY + "      password: 2026-01-01\n", 9, "is no text to YAML (date)", "into quotes"),
    "a key without a value": (
        ENTRY.replace("ada", "") + PASSWORD, 5, "username of the cloud c has no value", "take the"),
    "a value that is a list": (
        ENTRY.replace("ada", "[ada]") + PASSWORD, 5, "is no text to YAML (list)", "into quotes"),
    "no user": (ENTRY.replace("      username: ada\n", "") + PASSWORD, 3, "names no user",
                "username: NAME"),
    "no auth_url": (ENTRY.replace("auth_url: https://cloud.example.org:5000/v3", "x: y"), 3,
                    "has no auth_url", "auth_url: https://"),
    "nothing below auth": ("clouds:\n  c:\n    auth:\n", 3, "auth of the cloud c is no section",
                           "auth_url"),
    "no auth": ("clouds:\n  c:\n    region_name: r\n", 2, "has no auth_url", "auth_url"),
    "an address without a scheme": (
        ENTRY.replace("https://", "") + PASSWORD, 4, "is no address", "https://"),
    "an address that is none": (
        ENTRY.replace("cloud.example.org", "[::1") + PASSWORD, 4, "is no address", "https://"),
    "an application credential without auth_type": (
        APPLICATION + SECRET, 3, "its auth_type says nothing",
        "auth_type: v3applicationcredential"),
    "an application credential without its secret": (
        APPLICATION + "    auth_type: v3applicationcredential\n", 3, "has no secret",
        "application_credential_secret: ..."),
    "no application credential": (
        ENTRY + PASSWORD + "    auth_type: v3applicationcredential\n", 3,
        "names no application credential", "application_credential_id"),
    "no token": (ENTRY + "    auth_type: v3token\n", 3, "has no token", "token: ..."),
    "an auth_type that is none": (
        ENTRY + PASSWORD + "    auth_type: pasword\n", 3, "none that is known", "auth_type"),
    "a cacert that is not there": (
        ENTRY + PASSWORD + "    cacert: /nowhere/ca.pem\n", 10, "there is no such file", "cacert:"),
    "a certificate that is not there": (
        ENTRY + PASSWORD + "    cert: /nowhere/c.pem\n", 10, "there is no such file", "cert:"),
    "a time that is none": (
        ENTRY + PASSWORD + "    api_timeout: soon\n", 10, "'soon' as its api_timeout", "60"),
    "a tab": ("clouds:\n\tc:\n\t\tauth: {}\n", 2, "begins with a tab", "spaces"),
    "a tab deep inside": (ENTRY + "\t  password: x\n", 9, "begins with a tab", "spaces"),
    "two keys on a line": (
        "clouds:\n  c:\n    auth: auth_url: https://x/v3\n", 3, "two keys on one line", "own"),
    "two keys on a line, further down": (
        ENTRY.replace("\n      username", " username"), 4, "two keys on one line", "own"),
    "a colon that is missing": ("clouds\n  c:\n", 2, "is not where one can be", "colon"),
    "a quote that never ends": (ENTRY + "      password: 'x\n", 10, "is not YAML", "quotes"),
    "a sign that YAML keeps": (ENTRY + "      password: @x\n", 9, "is not YAML", "quotes"),
    "a cloud without keys": ("clouds:\n  c:\n", 2, "the cloud c has no keys", "auth:"),
    "a cloud that is a text": ("clouds:\n  c: https://x/v3\n", 2, "has no keys", "auth:"),
    "auth that is a text": ("clouds:\n  c:\n    auth: x\n", 3, "is no section", "auth_url"),
    "clouds that are a list": ("clouds:\n  - c\n", 1, "no section of clouds", "clouds:"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_has_its_file_its_line_and_its_key(file: Path, case: str) -> None:
    text, line, said, do = WRONG[case]
    file.write_text(text)

    with pytest.raises(SkytierError) as error:
        clouds.region("c", PatientSession)

    assert error.value.what.startswith(f"{file}, line {line}: "), error.value.what
    assert said in error.value.what
    assert do in str(error.value.do)
    assert "secret" not in error.value.what.removeprefix(str(file)).replace("no secret", "")


WHOLE_FILE = {
    "a list": (b"- c\n", "no section of clouds"),
    "a text": (b"hello", "no section of clouds"),
    "no UTF-8": (b"clouds: {c: '\xe9'}\n", "not a text in UTF-8"),
    "a date that is none": (b"clouds: {c: {a: 2026-13-45}}\n", "YAML cannot read"),
}


@pytest.mark.parametrize("case", WHOLE_FILE)
def test_a_file_that_is_no_clouds_yaml_is_named(file: Path, case: str) -> None:
    content, said = WHOLE_FILE[case]
    file.write_bytes(content)

    for look in (lambda: clouds.region("c"), clouds.find):
        with pytest.raises(SkytierError) as error:
            look()
        assert str(file) in error.value.what
        assert said in error.value.what


GOOD = {
    "a password": ENTRY + PASSWORD,
    "a user by id": ENTRY.replace("username: ada", 'user_id: "5b3"') + PASSWORD,
    "an application credential": (
        APPLICATION + SECRET + "    auth_type: v3applicationcredential\n"
    ),
    "a token": (
        ENTRY.replace("      username: ada\n", "").replace("      user_domain_name: Default\n", "")
        + "      token: gAAAA\n    auth_type: v3token\n"
    ),
    "another cloud that is broken": ENTRY + PASSWORD + "  d: x\n",
    "a byte order mark": "\ufeff" + ENTRY + PASSWORD,
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_entry_is_taken(file: Path, case: str) -> None:
    file.write_text(GOOD[case])
    assert clouds.region("c", PatientSession).name == "c"


def test_the_password_may_be_in_secure_yaml(file: Path) -> None:
    file.write_text(ENTRY)
    secure = file.with_name("secure.yaml")
    secure.write_text('clouds:\n  c:\n    auth:\n      password: "secret"\n')
    assert clouds.region("c").auth["password"] == "secret"

    secure.write_text("clouds:\n\tc: 1\n")
    with pytest.raises(SkytierError, match=r"secure\.yaml, line 2: the line begins with a tab"):
        clouds.region("c")


def test_a_broken_file_is_not_passed_over_for_the_next_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = file.with_name("clouds.yml")
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE")
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(file), str(second)])
    second.write_text(ENTRY + PASSWORD)
    file.write_text("clouds:\n\tc: 1\n")

    with pytest.raises(SkytierError, match=r"clouds\.yaml, line 2: the line begins with a tab"):
        clouds.region("c")


def test_a_cloud_that_is_not_there_is_said_with_those_that_are(file: Path) -> None:
    file.write_text(ENTRY + PASSWORD)
    with pytest.raises(SkytierError, match="no usable cloud 'd'") as error:
        clouds.region("d")
    assert f"Clouds that are there in {file}: c." in str(error.value.do)


KEYS = st.sampled_from(
    ["auth_url", "username", "password", "token", "user_id", "application_credential_id",
     "application_credential_secret", "project_name", "domain_id", "system_scope", "x"]
)  # fmt: skip
TYPES = st.sampled_from(
    ["password", "v3password", "v3applicationcredential", "v3token", "token", "none", "v3oidctoken",
     "v3totp", "admin_token", "http_basic", "v3multifactor", "v2password", "nonsense", "5"]
)  # fmt: skip
VALUES = st.sampled_from(["x", "https://cloud.example.org/v3", "5", "[]", "{}", "''", "null"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES), st.none() | TYPES)
def test_whatever_an_entry_holds_it_is_taken_or_explained(
    file: Path, auth: dict[str, str], kind: str | None
) -> None:
    lines = [f"      {key}: {value}\n" for key, value in auth.items()]
    type_line = f"    auth_type: {kind}\n" if kind else ""
    file.write_text("clouds:\n  c:\n    auth:\n" + "".join(lines) + type_line)
    refused = ""
    try:
        clouds.region("c", PatientSession)
    except SkytierError as error:
        refused = f"{error.what} {error.do}"
    assert not refused or (str(file) in refused and "None" not in refused)
