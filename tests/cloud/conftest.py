"""A network and two servers of the user `demo`, made and deleted through the public API alone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import openstack
import pytest
from openstack.connection import Connection

from .project import Listing, Project, listing
from .ssh import Ssh, new_key

HERE = Path(__file__).parent
# Emulated machines boot for minutes, and what a test waits for has bounds of its own.
TIMEOUT_S = 2400
GREETING = "hello from user-data"
USER_DATA = f"""#cloud-config
write_files:
  - path: /etc/greeting
    content: {GREETING}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longer bounds than elsewhere, for what is in this directory."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def cloud() -> Iterator[Connection]:
    """A connection as an ordinary member of the project `demo`."""
    with openstack.connect(cloud="devcloud") as connection:
        yield connection


@pytest.fixture(scope="session")
def before(cloud: Connection) -> Listing:
    """What the project has before the tests make anything."""
    return listing(cloud)


@pytest.fixture(scope="session")
def project(cloud: Connection, before: Listing, tmp_path_factory: pytest.TempPathFactory):
    """`web` has a floating IP; `inner`, from the image with the roles' packages, has none."""
    project = Project(cloud, new_key(tmp_path_factory.mktemp("key")))
    try:
        project.create(USER_DATA)
        yield project
    finally:
        project.delete()


@pytest.fixture(scope="session")
def ssh(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Ssh:
    """SSH to both, which knows their host keys from their consoles."""
    directory = tmp_path_factory.mktemp("ssh")
    known = {
        project.floating_ip: project.host_key("web"),
        project.inner_address: project.host_key("inner"),
    }
    ssh = Ssh(directory, project.key, known, jump=project.floating_ip)
    # `web` comes first: the way to `inner` leads through it.
    for address in known:
        ssh.wait(address)
    return ssh


def machine(*words: str | Path) -> str:
    """What a program of this machine prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
