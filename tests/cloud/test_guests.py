"""What the cloud must be able to do before Skytier can be tested on it."""

import socket

import pytest
from openstack.connection import Connection

from .conftest import GREETING
from .project import Listing, Project, listing, poll
from .ssh import Ssh

# The SDK's own use of what it will drop.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")


def answers(address: str, port: int, within_s: float = 120) -> bool:
    try:
        socket.create_connection((address, port), timeout=within_s).close()
    except TimeoutError:
        return False
    return True


def test_a_server_is_reached_at_its_floating_ip_and_has_what_user_data_wrote(
    project: Project, ssh: Ssh
) -> None:
    assert ssh.run(project.floating_ip, "cat /etc/greeting").strip() == GREETING


def test_a_server_without_a_floating_ip_is_reached_through_the_other(
    project: Project, ssh: Ssh
) -> None:
    assert ssh.run(project.inner_address, "hostname").strip() == f"{project.name}-inner"


def test_a_server_without_a_floating_ip_is_not_reached_directly(project: Project, ssh: Ssh) -> None:
    with pytest.raises(OSError, match=r"[Uu]nreachable|No route"):
        socket.create_connection((project.inner_address, 22), timeout=5)


def test_a_port_that_the_security_group_does_not_open_does_not_answer(
    project: Project, ssh: Ssh
) -> None:
    ssh.run(
        project.floating_ip,
        "sudo systemd-run --quiet --unit=listener python3 -m http.server 8080",
    )
    within = "curl --silent --fail --output /dev/null http://localhost:8080/ && echo yes || true"
    poll(lambda: ssh.run(project.floating_ip, within), "the guest's own answer", 120)
    assert answers(project.floating_ip, 22)
    assert not answers(project.floating_ip, 8080, within_s=5)


@pytest.mark.parametrize("server", ["web", "inner"])
def test_cloud_init_ends_without_an_error(project: Project, ssh: Ssh, server: str) -> None:
    address = {"web": project.floating_ip, "inner": project.inner_address}[server]
    status = ssh.run(address, "cloud-init status --wait --long", timeout_s=600)
    assert "status: done" in status
    assert "error" not in status.lower()
    assert "degraded" not in status
    assert ssh.run(address, "systemctl --failed --no-legend --plain") == ""


def test_a_server_reaches_the_package_registries(project: Project, ssh: Ssh) -> None:
    update = "sudo apt-get update -q -o APT::Update::Error-Mode=any"
    assert "Reading package lists" in ssh.run(project.floating_ip, update, timeout_s=300)


def test_the_image_with_the_roles_packages_starts_none_of_their_services(
    project: Project, ssh: Ssh
) -> None:
    programs = "nginx psql redis-server prometheus pgbackrest"
    found = ssh.run(project.inner_address, f"PATH=$PATH:/usr/sbin which {programs}")
    assert len(found.split()) == len(programs.split())
    units = ssh.run(
        project.inner_address,
        "systemctl list-units --no-legend --plain --state=active "
        "'nginx*' 'postgresql*' 'redis*' 'prometheus*' 'unattended*'",
    )
    assert "service" not in units


def test_a_new_server_gets_its_port_while_the_groups_of_a_running_one_change(
    project: Project, ssh: Ssh
) -> None:
    with project.another_group("web"), project.one_more() as name:
        assert name.startswith(project.name)
        assert answers(project.floating_ip, 22)
    assert ssh.run(project.floating_ip, "true") == ""


def test_deleting_everything_leaves_the_project_as_empty_as_before(
    cloud: Connection, before: Listing, project: Project
) -> None:
    project.delete()

    def nothing_new() -> bool:
        return all(found <= before[kind] for kind, found in listing(cloud).items())

    # A network's own ports go a moment after it.
    poll(nothing_new, "nothing is left", 300)
