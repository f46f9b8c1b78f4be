"""`skytier doctor` and `skytier init` against a real cloud."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from skytier.openstack.choices import limits
from skytier.openstack.plan import needs
from skytier.openstack.resources.project import Project
from skytier.stackfile import load
from tests.background_server import running
from tests.skytier_command import Skytier, free_port

CLOUD = "devcloud"
Checks = dict[str, dict[str, Any]]


@pytest.fixture
def skytier(make_skytier: Callable[[], Skytier]) -> Skytier:
    return make_skytier()


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    """What takes away what a test made, the last first."""
    with ExitStack() as stack:
        yield stack


def examined(skytier: Skytier, code: int, stack: str, tmp_path: Path, **env: str) -> Checks:
    """What the doctor says of a stack file, by check."""
    file = tmp_path / "stack.toml"
    file.write_text(f"cloud = '{CLOUD}'\n{stack}")
    said = skytier.ends_with(code, "doctor", "--json", "--file", str(file), env=env)
    answer = json.loads(said)
    assert answer["usable"] == (code == 0)
    return {check["name"]: check for check in answer["checks"]}


def clouds_yaml(cloud: Connection, directory: Path, **auth: str) -> dict[str, str]:
    """The environment of a copy of clouds.yaml in which something is another."""
    path = directory / "clouds.yaml"
    known = {**cloud.config.auth, **auth}
    path.write_text(
        yaml.safe_dump({"clouds": {CLOUD: {"auth": known, "region_name": "RegionOne"}}})
    )
    return {"OS_CLIENT_CONFIG_FILE": str(path)}


def test_a_good_cloud_is_usable_and_init_writes_a_file_that_the_doctor_accepts(
    skytier: Skytier, tmp_path: Path
) -> None:
    name = f"doc-{secrets.token_hex(3)}"
    skytier.run("init", "--cloud", CLOUD, "--name", name, "--yes", cwd=tmp_path)
    written = load(tmp_path / "skytier.toml")
    assert (written.cloud, written.name) == (CLOUD, name)
    assert written.image
    assert written.external_network

    said = skytier.run("doctor", cwd=tmp_path)

    assert "Ready:" in said
    assert written.image in said
    assert "security group rules" in said


def test_a_wrong_password_names_who_and_where_and_never_the_password(
    skytier: Skytier, cloud: Connection, tmp_path: Path
) -> None:
    environment = clouds_yaml(cloud, tmp_path, password="hunter2")

    checks = examined(skytier, 1, "", tmp_path, **environment)

    auth = cloud.config.auth
    for part in (auth["username"], auth["project_name"], auth["auth_url"]):
        assert part in checks["credentials"]["said"]
    assert "clouds.yaml" in checks["credentials"]["do"]
    assert checks["quota"]["state"] == "skipped"
    assert "hunter2" not in json.dumps(checks)


def test_a_project_that_is_none_fails_the_credentials(
    skytier: Skytier, cloud: Connection, tmp_path: Path
) -> None:
    environment = clouds_yaml(cloud, tmp_path, project_name="nowhere")

    checks = examined(skytier, 1, "", tmp_path, **environment)

    assert checks["credentials"]["state"] == "failed"
    assert "nowhere" in checks["credentials"]["said"]


@pytest.fixture
def application_credential(cloud: Connection, undo: ExitStack) -> dict[str, str]:
    """One of the user's, as the keys of an entry."""
    user = cloud.current_user_id
    made = cloud.identity.create_application_credential(user, f"doc-{secrets.token_hex(3)}")
    undo.callback(cloud.identity.delete_application_credential, user, made)
    return {"application_credential_id": made.id, "application_credential_secret": made.secret}


def test_an_application_credential_a_token_and_an_openrc_file_sign_in(
    skytier: Skytier,
    cloud: Connection,
    tmp_path: Path,
    application_credential: dict[str, str],
) -> None:
    url = cloud.config.auth["auth_url"]
    credential = {"auth_url": url, **application_credential}
    secret = {"application_credential_secret": credential.pop("application_credential_secret")}
    token = {"auth_url": url, "token": cloud.auth_token, "project_id": cloud.current_project_id}
    here = {"region_name": "RegionOne"}
    clouds = {
        "by-credential": {"auth": credential, "auth_type": "v3applicationcredential", **here},
        "by-token": {"auth": token, "auth_type": "v3token", **here},
    }
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": clouds}))
    secure = {"clouds": {"by-credential": {"auth": secret}}}
    (tmp_path / "secure.yaml").write_text(yaml.safe_dump(secure))
    auth = cloud.config.auth
    names = ("username", "password", "project_name", "user_domain_name", "project_domain_name")
    openrc = {f"OS_{name.upper()}": auth[name] for name in names} | {
        "OS_AUTH_URL": url,
        "OS_REGION_NAME": "RegionOne",
    }
    file = f"{tmp_path / 'clouds.yaml'}"
    for name, where, more in (
        ("by-credential", file, {}),
        ("by-token", file, {}),
        ("envvars", "the OS_* variables of the environment", openrc),
    ):
        env = {
            "OS_CLIENT_CONFIG_FILE": file,
            "OS_CLIENT_SECURE_FILE": str(tmp_path / "secure.yaml"),
            **more,
        }
        answer = json.loads(skytier.run("doctor", "--json", "--cloud", name, cwd=tmp_path, env=env))
        checks = {check["name"]: check for check in answer["checks"]}
        assert checks["clouds.yaml"]["said"] == f"{name} in {where}, region RegionOne"
        assert checks["credentials"]["state"] == "ok", checks["credentials"]
        assert "region RegionOne" in checks["catalog"]["said"]
        assert checks["stack"]["said"].startswith("2 machines on the disks of their flavors, in a")


def test_a_region_that_is_none_is_said_with_those_that_there_are(
    skytier: Skytier, tmp_path: Path
) -> None:
    checks = examined(skytier, 1, "region = 'RegionNone'", tmp_path)
    assert checks["credentials"]["state"] == "ok"
    assert "no region 'RegionNone'. It has RegionOne" in checks["catalog"]["said"]


def test_a_keystone_that_does_not_answer_is_said_before_any_password_is_sent(
    skytier: Skytier, cloud: Connection, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}/v3"
    environment = clouds_yaml(cloud, tmp_path, auth_url=url)

    checks = examined(skytier, 1, "", tmp_path, **environment)

    assert f"{url} does not answer" in checks["keystone"]["said"]
    assert checks["credentials"]["state"] == "skipped"


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        (timedelta(0), "ok", "Keystone"),
        (timedelta(minutes=2), "warning", "behind Keystone"),
        (timedelta(hours=-1), "failed", "ahead of Keystone"),
    ],
    ids=["the same", "two minutes", "an hour"],
)
def test_the_clock_goes_by_what_keystone_says(
    skytier: Skytier, cloud: Connection, tmp_path: Path, ahead: timedelta, state: str, said: str
) -> None:
    class Keystone(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
            body = json.dumps({"version": {"id": "v3.14", "links": []}}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with running(HTTPServer(("127.0.0.1", 0), Keystone)) as server:
        environment = clouds_yaml(
            cloud, tmp_path, auth_url=f"http://127.0.0.1:{server.server_port}/v3"
        )
        checks = examined(skytier, 1, "", tmp_path, **environment)

    assert checks["clock"]["state"] == state
    assert said in checks["clock"]["said"]


@pytest.mark.parametrize(
    ("stack", "check", "said"),
    [
        ("flavor = 'm1.smal'", "flavor", "no flavor 'm1.smal'. It has m1.small ("),
        ("image = 'debian-21'", "image", "no image 'debian-21'. It has debian-12"),
        ("external_network = 'pubic'", "external network", "'pubic'. It has public"),
        ("floating_ip = '203.0.113.7'", "floating IP", "no floating IP 203.0.113.7"),
    ],
)
def test_what_the_cloud_has_not_is_said_with_what_it_has(
    skytier: Skytier, tmp_path: Path, stack: str, check: str, said: str
) -> None:
    checks = examined(skytier, 1, stack, tmp_path)

    assert said in checks[check]["said"]
    assert checks[check]["do"]


def test_too_many_servers_are_short_of_quota_by_what_nova_says(
    skytier: Skytier, cloud: Connection, tmp_path: Path
) -> None:
    absolute = cloud.compute.get_limits().absolute
    name = f"doc-{secrets.token_hex(3)}"

    checks = examined(skytier, 1, f"name = '{name}'\nweb.count = 100", tmp_path)

    # With the database and the balancer.
    row = next(row for row in checks["quota"]["quota"] if row["name"] == "instances")
    assert (row["limit"], row["needed"]) == (absolute.instances, 102)
    assert row["short_by"] == 102 - row["remaining"]
    assert row["verdict"] == "short"
    assert f"{row['short_by']} instances" in checks["quota"]["said"]


def test_every_quota_of_the_plan_has_limit_and_use_from_the_cloud(cloud: Connection) -> None:
    found = limits.read(cloud)

    assert {"instances", "cores", "ram_mib", "ports", "floating_ips", "security_groups"} <= set(
        found
    )
    assert {"security_group_rules", "networks", "subnets", "routers"} <= set(found)
    assert found["security_groups"].used >= 1, "the project's default group"


def test_what_a_stack_has_already_is_not_needed_again(cloud: Connection, undo: ExitStack) -> None:
    name = f"doc-{secrets.token_hex(3)}"
    assert needs.quota_in_use(Project(cloud, name)) == needs.Amounts()
    group = cloud.network.create_security_group(name=name, description=f"skytier:stack={name}")
    undo.callback(cloud.network.delete_security_group, group)

    held = needs.quota_in_use(Project(cloud, name))

    assert (held.security_groups, held.security_group_rules) == (1, 2)


def test_the_newest_active_image_of_a_name_is_taken_and_has_to_fit(
    skytier: Skytier, cloud: Connection, tmp_path: Path, undo: ExitStack
) -> None:
    name = f"doc-{secrets.token_hex(3)}"

    def image(**more: Any) -> Any:
        made = cloud.image.create_image(
            name=name, disk_format="raw", container_format="bare", allow_duplicates=True, **more
        )
        undo.callback(cloud.image.delete_image, made)
        return made

    image(data=b"old")
    time.sleep(1)  # Glance's times have whole seconds
    newest = image(data=b"new")
    image()  # never gets its data
    checks = examined(skytier, 0, f"image = '{name}'", tmp_path)
    assert newest.id in checks["image"]["said"]

    time.sleep(1)
    image(data=b"large", min_disk=2000)
    checks = examined(skytier, 1, f"image = '{name}'", tmp_path)
    assert "needs a disk of 2000 GiB" in checks["image"]["said"]
    assert "flavor" in checks["image"]["do"]


def test_an_address_of_ones_own_is_accepted_while_it_leads_nowhere(
    skytier: Skytier, cloud: Connection, tmp_path: Path, undo: ExitStack
) -> None:
    public = next(cloud.network.networks(is_router_external=True))
    address = cloud.network.create_ip(floating_network_id=public.id)
    undo.callback(cloud.network.delete_ip, address)

    stack = f"floating_ip = '{address.floating_ip_address}'"
    checks = examined(skytier, 0, stack, tmp_path)

    assert "stays yours" in checks["floating IP"]["said"]
