"""A stack with a container in the cloud's object store: Keystone and Ceph's gateway are real."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from skytier.deploy.update import IN_SERVERS
from skytier.openstack.login.connection import connect
from skytier.openstack.resources.container import Container
from skytier.openstack.resources.ec2_credential import Ec2Credential
from skytier.openstack.resources.project import Project

from .account import CLOUD, RESOURCES, Account, Operator

ENDPOINT = "http://172.24.4.1:8080"
STACK = """
image = "debian-12"
flavor = "m1.tiny"
availability_zone = "fake"
labels = {team = "web"}
[application]
serve = "main:app"
interface = "asgi"
requires = []
[storage]
bucket = "uploads"
"""


@pytest.fixture
def stack(account: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(account.clouds))
    (operator.directory / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (operator.directory / "requirements.txt").write_text("")
    operator.write(f'name = "shop"\n{STACK}')
    yield "shop"
    operator.run("down", "--purge", "--yes")


def up(operator: Operator) -> None:
    with operator.start("up", program=RESOURCES) as popen:
        said, _ = popen.communicate(timeout=900)
    assert popen.returncode == 0, said


def actions(operator: Operator) -> set[str]:
    steps = operator.json("plan")["steps"]
    return {step["action"] for step in steps if step["kind"] not in IN_SERVERS}


def s3(key: tuple[str, str], *words: str) -> str:
    """What the S3 API answers curl, which signs for it; the key goes by the standard input."""
    config = f'aws-sigv4 = "aws:amz:us-east-1:s3"\nuser = "{key[0]}:{key[1]}"\n'
    unsigned = ["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    curl = ["curl", "--silent", "--show-error", "--fail", "--config", "-", *unsigned]
    done = subprocess.run([*curl, *words], input=config, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_container_is_made_used_and_never_deleted_with_objects_unless_told(
    account: Account, operator: Operator, stack: str
) -> None:
    up(operator)
    assert actions(operator) == {"keep"}
    project = Project(connect(CLOUD), stack)
    containers = Container(project, there=True)
    [container] = containers.find()
    assert container.attributes["tags"] == [f"skytier:stack={stack}", "skytier:label:team=web"]
    credentials = Ec2Credential(project, containers, True, ["uploads"])
    [credential] = credentials.find()
    key = (credential.id, credentials.secret(credential.id))
    url = f"{ENDPOINT}/uploads/a%20picture.png"
    s3(key, "--request", "PUT", "--data-binary", "picture", url)
    assert s3(key, url) == "picture"

    # Another container of the project is nobody's to take.
    account.connection.object_store.create_container("theirs")
    operator.write(f'name = "shop"\n{STACK.replace("uploads", "theirs")}')
    assert "does not carry the mark" in operator.ends_with(1, "plan")
    operator.write(f'name = "shop"\n{STACK.replace("uploads", "others")}')
    assert "and lose 1 object (7 B)" in operator.ends_with(1, "up", "--yes")
    account.connection.object_store.delete_container("theirs")

    operator.write(f'name = "shop"\n{STACK}')
    said = operator.run("down", "--delete-data", "--yes")
    assert "The container uploads stays, with 1 object (7 B)." in said
    assert "Nothing else of the stack shop is left." in said
    assert [each.key.name for each in containers.find()] == ["uploads"]
    assert list(credentials.find()) == []
    assert "container uploads, with 1 object" in operator.run("down", "--purge", "--yes")
    assert list(containers.find()) == []


def test_an_application_credential_is_told_beforehand_that_it_can_make_no_key(
    account: Account, operator: Operator, stack: str, tmp_path: Path
) -> None:
    another = Operator(operator.directory, account.delegated(tmp_path))
    assert "Keystone makes none for an application credential" in another.ends_with(1, "plan")
    checks = {each["name"]: each for each in another.json("doctor", code=None)["checks"]}
    assert checks["object store"]["state"] == "failed"
    # What a user's run made is used.
    up(operator)
    assert actions(another) == {"keep"}
