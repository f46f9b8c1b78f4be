"""What a second cloud differs in, and the container that it is in."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from devcloud import release, templates
from devcloud.container import Container
from devcloud.release import EPOXY, ZED, Release

VALUES = {
    "address": "192.0.2.1",
    "data": "/data",
    "database": {"neutron": "mysql://"},
    "host": "devcloud",
    "keystone": "http://192.0.2.1:5000/v3",
    "mtu": 1500,
    "passwords": {"neutron": "n", "nova": "n"},
    "transport_url": "rabbit://",
}


@pytest.mark.parametrize(
    ("os_release", "wanted"),
    [
        ('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n', ZED),
        ('NAME="Debian GNU/Linux"\nVERSION_ID="13"\nID=debian\n', EPOXY),
        # The preflight refuses it.
        ('VERSION_ID="13"\nID=ubuntu\n', ZED),
        ("", ZED),
    ],
)
def test_the_release_of_openstack_follows_from_that_of_debian(
    os_release: str, wanted: Release
) -> None:
    assert release.of(os_release) is wanted


def test_two_clouds_beside_each_other_share_no_address() -> None:
    assert ZED.address != EPOXY.address
    assert ZED.public != EPOXY.public


@pytest.mark.parametrize(("wanted", "experimental"), [(ZED, True), (EPOXY, False)])
def test_only_the_older_neutron_is_told_of_linux_bridges(
    wanted: Release, experimental: bool
) -> None:
    ml2 = templates.render("ml2_conf.ini", **VALUES, mechanism=wanted.mechanism)
    neutron = templates.render("neutron.conf", **VALUES, mechanism=wanted.mechanism)

    assert f"\nmechanism_drivers = {wanted.mechanism}\n" in ml2
    assert ("\n[experimental]\n" in neutron) is experimental


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """One that has this machine's own root, by another path."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a container")
    root = tmp_path / "root"
    root.symlink_to("/")
    # Of the networks for measurements, which lead nowhere.
    network = f"198.18.{secrets.randbelow(256)}"
    device = f"ve-{secrets.token_hex(4)}"
    container = Container(root, device, f"{network}.1/30", f"{network}.2/30")
    yield container
    container.stop()


def test_a_container_has_processes_mounts_and_a_network_of_its_own_and_all_ends_with_it(
    container: Container, tmp_path: Path
) -> None:
    routes = [["ip", version, "route", "show", "default"] for version in ("-4", "-6")]
    before = [said(words) for words in routes]

    assert container.start(tmp_path / "log")
    assert not container.start(tmp_path / "log"), "it runs already"

    first = container.pid()
    assert first

    def inside(script: str) -> str:
        assert container.run(["sh", "-c", f"({script}) >{tmp_path}/said"], {}) == 0
        return (tmp_path / "said").read_text()

    processes = inside("ps -e -o pid=,comm=").splitlines()
    assert [name for pid, name in map(str.split, processes) if pid == "1"] == ["sleep"]
    assert len(processes) < 5
    devices = [each["ifname"] for each in json.loads(inside("ip -json link"))]
    assert devices == ["lo", "eth0"]
    assert inside("ip -4 route show default; ip -6 route show default") == ""
    assert set(inside("ls /run").split()) <= {"lock", "mount"}
    # A process that outlives the one that has started it.
    seconds = f"{secrets.randbelow(10**9) + 10**9}"
    inside(f"setsid sleep {seconds} >/dev/null 2>&1 &")
    assert seconds in said(["ps", "-e", "-o", "args"])
    assert container.run(["false"], {}) == 1
    assert "inet6" not in said(["ip", "address", "show", "dev", container.device])
    assert [said(words) for words in routes] == before

    container.stop()
    assert container.pid() is None
    assert seconds not in said(["ps", "-e", "-o", "args"])
    assert not Path("/sys/class/net", container.device).exists()


def said(words: list[str]) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
