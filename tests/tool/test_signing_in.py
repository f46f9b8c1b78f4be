"""Ways of signing in, and the region: what openstacksdk itself makes of each."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from openstack.config import OpenStackConfig
from rich.console import Console
from typer.testing import CliRunner

from skytier.cli import app, chosen, console
from skytier.cli.on_this_machine import up
from skytier.doctor.cloud import Subject, clouds_yaml
from skytier.errors import SkytierError
from skytier.openstack.commands import portable
from skytier.openstack.login import clouds
from skytier.openstack.login.connection import PatientSession
from skytier.openstack.machines import operator
from skytier.stackfile import StackFile

URL = "https://cloud.example.org/v3"
PLACE = {"auth_url": URL, "project_name": "shop", "project_domain_name": "Default"}
USER = {"username": "ada", "user_domain_name": "Default"}
OPENRC = {
    "OS_AUTH_URL": URL,
    "OS_USERNAME": "ada",
    "OS_PASSWORD": "012345",
    "OS_PROJECT_NAME": "shop",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
    "OS_REGION_NAME": "RegionOne",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for clouds.yaml and secure.yaml, in a shell without any OS_* variable."""
    monkeypatch.chdir(tmp_path)
    for name in {"OS_REGION_NAME", "OS_CLOUD_NAME"} | {
        n for n in os.environ if n.startswith("OS_")
    }:
        # Set, so that it is put back, whoever sets it in between.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("OS_CLIENT_SECURE_FILE", str(tmp_path / "secure.yaml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def write(here: Path, entry: Mapping[str, Any], secure: Mapping[str, Any] | None = None) -> None:
    (here / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"c": entry}}))
    if secure is not None:
        (here / "secure.yaml").write_text(yaml.safe_dump({"clouds": {"c": secure}}))


# The entry, what secure.yaml has of it, the class of keystoneauth, and what it was given.
ENTRIES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, str, dict[str, str]]] = {
    "a password": (
        {"auth": {**PLACE, **USER, "password": "geheim"}},
        None, "Password", {"_username": "ada", "_password": "geheim"}),
    "a password of secure.yaml": (
        {"auth": {**PLACE, **USER}},
        {"auth": {"password": "geheim"}}, "Password", {"_password": "geheim"}),
    "ids, and v3password": (
        {"auth": {"auth_url": URL, "project_id": "5b3", "user_id": "7c9", "password": "geheim"},
         "auth_type": "v3password"},
        None, "Password", {"project_id": "5b3"}),
    "an application credential": (
        {"auth": {"auth_url": URL, "application_credential_id": "21d",
                  "application_credential_secret": "geheim"},
         "auth_type": "v3applicationcredential"},
        None, "ApplicationCredential", {}),
    "its secret in secure.yaml": (
        {"auth": {"auth_url": URL, "application_credential_id": "21d"},
         "auth_type": "v3applicationcredential"},
        {"auth": {"application_credential_secret": "geheim"}}, "ApplicationCredential", {}),
    "one by its name and user": (
        {"auth": {"auth_url": URL, **USER, "application_credential_name": "ci",
                  "application_credential_secret": "geheim"},
         "auth_type": "v3applicationcredential"},
        None, "ApplicationCredential", {}),
    "a token": (
        {"auth": {**PLACE, "token": "gAAAA"}, "auth_type": "v3token"}, None, "Token", {}),
    "a token of secure.yaml": (
        {"auth": PLACE, "auth_type": "token"}, {"auth": {"token": "gAAAA"}}, "Token",
        {"_token": "gAAAA"}),
    "a token of OIDC": (
        {"auth": {**PLACE, "identity_provider": "idp", "protocol": "openid", "access_token": "ey"},
         "auth_type": "v3oidcaccesstoken"},
        None, "OidcAccessToken", {"identity_provider": "idp", "access_token": "ey"}),
    "a client credential of OIDC": (
        {"auth": {**PLACE, "identity_provider": "idp", "protocol": "openid", "client_id": "skytier",
                  "client_secret": "geheim", "access_token_endpoint": f"{URL}/token"},
         "auth_type": "v3oidcclientcredentials"},
        None, "OidcClientCredentials", {"client_id": "skytier", "client_secret": "geheim"}),
}  # fmt: skip


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_of_clouds_yaml_signs_in_as_openstacksdk_reads_it(here: Path, case: str) -> None:
    entry, secure, kind, given = ENTRIES[case]
    write(here, entry, secure)

    found = clouds.region("c", PatientSession)

    own = OpenStackConfig().get_one("c")
    assert found.auth == own.auth
    auth = found.get_session().auth
    assert type(auth).__name__ == type(own.get_session().auth).__name__ == kind
    assert {name: getattr(auth, name) for name in given} == given
    said = clouds_yaml(Subject(StackFile(), "c")).said
    assert said == f"c in {here / 'clouds.yaml'}"


def without(*names: str, **more: str) -> dict[str, str]:
    return {name: value for name, value in (OPENRC | more).items() if name not in names}


PASSWORD = ("OS_USERNAME", "OS_PASSWORD", "OS_USER_DOMAIN_NAME")
PROJECT = ("OS_PROJECT_NAME", "OS_PROJECT_DOMAIN_NAME")
FILES = {
    "as the dashboard gives it": (
        without("OS_PROJECT_DOMAIN_NAME", OS_PROJECT_ID="5b3", OS_PROJECT_DOMAIN_ID="default",
                OS_INTERFACE="public", OS_IDENTITY_API_VERSION="3"),
        "Password"),
    "by names": (OPENRC, "Password"),
    "an application credential": (
        without(*PASSWORD, *PROJECT, OS_AUTH_TYPE="v3applicationcredential",
                OS_APPLICATION_CREDENTIAL_ID="21d", OS_APPLICATION_CREDENTIAL_SECRET="geheim"),
        "ApplicationCredential"),
    "a token": (without(*PASSWORD, OS_AUTH_TYPE="token", OS_TOKEN="gAAAA"), "Token"),
    "OIDC": (
        without(*PASSWORD, OS_AUTH_TYPE="v3oidcaccesstoken", OS_IDENTITY_PROVIDER="idp",
                OS_PROTOCOL="openid", OS_ACCESS_TOKEN="ey"),
        "OidcAccessToken"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_sourced_openrc_signs_in_and_is_not_said_to_be_in_clouds_yaml(
    here: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    variables, kind = FILES[case]
    write(here, {"auth": {**PLACE, **USER, "password": "geheim"}})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = clouds.region("envvars", PatientSession)

    assert type(found.get_session().auth).__name__ == kind
    assert (clouds.find().names, clouds.find().usable) == (("c",), ("c", "envvars"))
    assert str(clouds.find()) == "c, and envvars of this shell's OS_* variables"
    assert clouds.complete("env") == ["envvars"]
    said = clouds_yaml(Subject(StackFile(), "envvars")).said
    assert said == "envvars in the OS_* variables of the environment, region RegionOne"
    with pytest.raises(SkytierError) as error:
        clouds.region("shop", PatientSession)
    assert "OS_* variables is called envvars" in str(error.value.do)


def test_what_an_openrc_lacks_is_said_of_the_environment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in without("OS_PASSWORD").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SkytierError, match="The environment: the cloud envvars has no password"):
        clouds.region("envvars", PatientSession)
    do = "Check the password in clouds.yaml."
    assert clouds.advice("envvars", do) == "Check the password in the OS_* variables."
    assert clouds.advice("c", do) == do


def test_two_clouds_of_one_name_are_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"envvars": {"auth": PLACE}}}))
    for name, value in OPENRC.items():
        monkeypatch.setenv(name, value)
    for look in (clouds.find, lambda: clouds.region("envvars")):
        with pytest.raises(SkytierError, match="defines a cloud named 'envvars'") as error:
            look()
        assert "OS_CLOUD_NAME" in str(error.value.do)


ENTRY = {"auth": {**PLACE, **USER, "password": "geheim"}}
LISTED = {**ENTRY, "regions": ["one", {"name": "two", "values": {"interface": "internal"}}]}
# The entry, OS_REGION_NAME, the region of the stack file, and the region that it comes to.
REGIONS: dict[str, tuple[dict[str, Any], str, str | None, str | None]] = {
    "none": (ENTRY, "", None, None),
    "the entry's": ({**ENTRY, "region_name": "one"}, "", None, "one"),
    "the first of a list": (LISTED, "", None, "one"),
    "the stack file's": (ENTRY, "", "two", "two"),
    "the stack file's before the entry's": ({**ENTRY, "region_name": "one"}, "", "two", "two"),
    "the stack file's of a list": (LISTED, "", "two", "two"),
    "the environment's of a list": (LISTED, "two", None, "two"),
    "the stack file's before the environment's": (LISTED, "two", "one", "one"),
    "the entry's before the environment's": ({**ENTRY, "region_name": "one"}, "two", None, "one"),
    "the environment's alone": (ENTRY, "two", None, None),
}


@pytest.mark.parametrize("case", REGIONS)
def test_the_region_is_the_stack_files_else_the_one_that_the_entry_leaves_open(
    here: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    entry, variable, named, region = REGIONS[case]
    write(here, entry)
    (here / "skytier.toml").write_text(f'region = "{named}"' if named else "")
    if variable:
        monkeypatch.setenv("OS_REGION_NAME", variable)

    wanted = chosen.stack_file(None, "c")

    found = clouds.region("c", PatientSession, wanted.region)
    assert (found.get_region_name() or None) == region
    if region == "two" and entry is LISTED:
        assert found.get_interface() == "internal"


def test_a_region_that_is_not_in_the_list_is_refused_with_the_list(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, LISTED)
    with pytest.raises(SkytierError, match=r"no region 'three' in clouds\.yaml\. .* are one, two"):
        clouds.region("c", PatientSession, "three")
    monkeypatch.setenv("OS_REGION_NAME", "three")
    with pytest.raises(SkytierError, match="no region 'three'") as error:
        clouds.region("c", PatientSession, chosen.stack_file(None, "c").region)
    assert "OS_REGION_NAME" in str(error.value.do)


def test_the_region_of_another_shells_cloud_is_not_that_of_clouds_yaml(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, LISTED)
    for name, value in (OPENRC | {"OS_REGION_NAME": "two"}).items():
        monkeypatch.setenv(name, value)
    assert chosen.stack_file(None, "c").region is None
    assert chosen.stack_file(None, "envvars").region is None
    assert clouds.region("envvars").get_region_name() == "two"


def test_another_machine_is_led_to_the_region_of_the_environment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, LISTED)
    monkeypatch.setenv("OS_REGION_NAME", "two")
    wanted = chosen.stack_file(None, "c")
    key = operator.of("c", wanted.name, region=wanted.region).public_key()
    text = portable.pack("c", wanted.name, wanted.region)
    monkeypatch.delenv("OS_REGION_NAME")
    (here / "there").mkdir()

    portable.unpack(text, here / "there")

    there = chosen.stack_file(None, "c")
    assert clouds.region("c", region_name=there.region).get_region_name() == "two"
    assert operator.of("c", there.name, region=there.region).has_key(key)


def test_another_machine_signs_in_with_what_an_openrc_said(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OPENRC.items():
        monkeypatch.setenv(name, value)
    operator.of("envvars", "shop").public_key()
    text = portable.pack("envvars", "shop")
    for name in OPENRC:
        monkeypatch.delenv(name)
    (here / "there").mkdir()

    portable.unpack(text, here / "there")

    found = clouds.region("envvars")
    assert (found.auth["username"], found.auth["password"]) == ("ada", "012345")
    assert found.get_region_name() == "RegionOne"


@pytest.mark.parametrize(
    "command",
    [
        "down --last-backup",
        "down --delete-data",
        "scale web=2",
        "ssh web",
        "exec web id",
        "drain web/1",
    ],
)
def test_a_command_about_a_cloud_says_which_there_are(here: Path, command: str) -> None:
    write(here, {"auth": {**PLACE, **USER, "password": "geheim"}})
    error = CliRunner().invoke(app, command.split()).exception
    assert isinstance(error, SkytierError)
    assert "No cloud is named" in error.what
    assert (error.do or "").endswith("There is c.")


def test_the_cloud_of_a_sourced_openrc_is_said_and_a_file_that_is_broken(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "clouds.yaml").write_text("clouds: {}")
    assert (chosen.no_cloud().do or "").endswith("in the stack file.")
    for name, value in OPENRC.items():
        monkeypatch.setenv(name, value)
    assert "There is envvars of this shell's" in (chosen.no_cloud().do or "")
    (here / "clouds.yaml").write_text("clouds: [")
    assert "--cloud NAME" in (chosen.no_cloud().do or "")
    assert "clouds.yaml" in (chosen.no_cloud().do or "")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ""),
        ({"OS_CLOUD": "near"}, "names the cloud near: for a stack there, skytier up --cloud near"),
        (OPENRC, "names the cloud envvars: for a stack there, skytier up --cloud envvars"),
        (OPENRC | {"OS_CLOUD_NAME": "shell"}, "skytier up --cloud shell"),
        (OPENRC | {"OS_CLOUD": "near"}, "skytier up --cloud near"),
    ],
)
def test_up_on_this_machine_says_which_cloud_the_shell_names(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: Mapping[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console, "err", Console(file=sys.stderr, width=300))
    monkeypatch.setattr(console, "program", lambda: "skytier")
    console.name_stack(None, None)
    plan = SimpleNamespace(warnings=[], replaces="")
    for as_json in (True, False):
        dialog = SimpleNamespace(as_json=as_json)
        assert up.approve(cast(Any, dialog), cast(Any, plan))
        told = capsys.readouterr()
        assert told.out == ""
        assert bool(told.err) is (bool(said) and not as_json)
    assert said in told.err
