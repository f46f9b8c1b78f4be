"""The regions of a catalog: the one that is asked for, the only one, and one that is not there."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from skytier import doctor
from skytier.doctor import Finding, State
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.login.connection import connect
from skytier.stackfile import StackFile, parse
from tests.tool.loopback import as_json, serving, version_document

SERVICES = ("compute", "network", "image")


def token(url: str, regions: Sequence[str]) -> tuple[int, dict[str, str], bytes]:
    """What Keystone answers to a password, for a cloud whose services are in all regions."""
    services = [
        {
            "type": service,
            "name": service,
            "endpoints": [
                {
                    "interface": "public",
                    "region": name,
                    "region_id": name,
                    "url": f"{url}/{service}",
                }
                for name in regions
            ],
        }
        for service in SERVICES
    ]
    user = {"id": "u", "name": "ada", "domain": {"id": "default", "name": "Default"}}
    said = {
        "catalog": services,
        "expires_at": "2099-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "methods": ["password"],
        "project": {"id": "p", "name": "shop", "domain": user["domain"]},
        "roles": [],
        "user": user,
    }
    status, headers, body = as_json(201, {"token": said})
    return status, {**headers, "X-Subject-Token": "gAAAA"}, body


@contextmanager
def cloud(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, regions: Sequence[str], **entry: Any
) -> Iterator[None]:
    """A cloud `c` in clouds.yaml whose catalog has some regions."""
    at = []

    def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/auth/tokens"):
            assert json.loads(body)["auth"]["identity"]["methods"] == ["password"]
            return token(at[0], regions)
        if not path.startswith("/v3"):
            return version_document(path)
        links = [{"rel": "self", "href": f"{at[0]}/v3/"}]
        return as_json(200, {"version": {"id": "v3.14", "status": "stable", "links": links}})

    with serving(answer) as url:
        at.append(url)
        auth = {
            "auth_url": f"{url}/v3",
            "username": "ada",
            "password": "geheim",
            "user_domain_name": "Default",
            "project_name": "shop",
            "project_domain_name": "Default",
        }
        (tmp_path / "clouds.yaml").write_text(
            yaml.safe_dump({"clouds": {"c": {"auth": auth, **entry}}})
        )
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
        yield


TWO = ["RegionOne", "RegionTwo"]
# The regions of the catalog, that of the entry, that of the stack file, and what it comes to.
LED: dict[str, tuple[list[str], dict[str, str], str | None, str]] = {
    "the only one": (["RegionOne"], {}, None, "RegionOne"),
    "the entry's": (TWO, {"region_name": "RegionTwo"}, None, "RegionTwo"),
    "the stack file's": (TWO, {"region_name": "RegionOne"}, "RegionTwo", "RegionTwo"),
    "the first one": (TWO, {}, None, "RegionOne"),
    "one without a name": ([""], {}, None, ""),
}


@pytest.mark.parametrize("case", LED)
def test_a_connection_leads_to_a_region_of_the_catalog(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    regions, entry, named, region = LED[case]
    with cloud(monkeypatch, tmp_path, regions, **entry):
        conn = connect("c", named)
        assert catalog.region(conn) == region
        assert catalog.services(conn) == set(SERVICES)


def test_a_region_that_the_catalog_does_not_have_is_refused_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with cloud(monkeypatch, tmp_path, TWO, region_name="regionone"):
        with pytest.raises(SkytierError, match=r"no region 'regionone'\. It has RegionOne, Reg"):
            connect("c")
        found = examined(StackFile())
        assert found["credentials"].state is State.OK
        assert "no region 'regionone'" in found["catalog"].said
        assert "region in the stack file" in found["catalog"].do
        assert found["quota"].state is State.SKIPPED
        found = examined(parse('region = "RegionTwo"'))
        assert found["catalog"].said.endswith("region RegionTwo of RegionOne, RegionTwo")


def test_the_doctor_warns_where_no_region_is_named_and_the_catalog_has_several(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with cloud(monkeypatch, tmp_path, TWO):
        found = examined(StackFile())["catalog"]
    assert found.state is State.WARNING
    assert "region RegionOne of RegionOne, RegionTwo, which is the first one" in found.said
    with cloud(monkeypatch, tmp_path, ["RegionOne"]):
        found = examined(StackFile())["catalog"]
    assert (found.state, found.said) == (
        State.OK,
        "compute, image, network; no volumes; region RegionOne",
    )


def examined(stack: StackFile) -> dict[str, Finding]:
    return dict(doctor.examine(stack, "c"))
