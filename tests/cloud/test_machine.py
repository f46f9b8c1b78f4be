"""What the cloud does to the machine it runs on."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from .conftest import machine

DEVCLOUD = Path(__file__).parents[2] / "devcloud"
COMMANDS = ["up", "down", "status", "logs", "image", "second"]


@pytest.mark.parametrize("network", ["172.24.4.0/24", "192.168.128.0/24"])
def test_a_guard_route_refuses_what_no_real_route_takes(network: str) -> None:
    routes = json.loads(machine("ip", "-json", "route", "show", "type", "unreachable", network))
    assert [route["dst"] for route in routes] == [network]
    assert routes[0]["metric"] > 1000


def test_a_guard_route_refuses_the_ipv6_networks_of_tests() -> None:
    routes = json.loads(machine("ip", "-json", "-6", "route", "show", "type", "unreachable"))
    assert [route["metric"] > 1000 for route in routes if route["dst"] == "fd5b:4::/32"] == [True]


def test_no_device_of_the_cloud_takes_router_advertisements() -> None:
    devices = [
        path.parent
        for path in Path("/proc/sys/net/ipv6/conf").glob("*/accept_ra")
        if re.match(r"br-ex|brq|tap|ve-public|default$", path.parent.name)
    ]
    assert {"br-ex", "default"} <= {device.name for device in devices}
    assert {(device / "accept_ra").read_text().strip() for device in devices} == {"0"}
    routes = json.loads(machine("ip", "-json", "-6", "route", "show", "default"))
    assert not {route["dev"] for route in routes} & {device.name for device in devices}


def test_guests_reach_no_service_of_the_machine_by_ipv6() -> None:
    rules = machine("ip6tables", "-S", "devcloud-input").splitlines()
    assert rules[-1].startswith("-A devcloud-input -i br-ex -j REJECT")
    assert "-A INPUT -j devcloud-input" in machine("ip6tables", "-S", "INPUT").splitlines()


def test_no_route_to_the_guests_leaves_by_the_default_device() -> None:
    default = json.loads(machine("ip", "-json", "-4", "route", "show", "default"))
    assert "dev br-ex" in machine("ip", "route", "get", "172.24.4.77")
    for route in default:
        assert f"-o {route['dev']} -s 172.24.4.0/24" not in machine("ip", "route", "show")
    refused = subprocess.run(["ip", "route", "get", "192.168.128.77"], capture_output=True)
    assert refused.returncode != 0


def test_guests_are_refused_all_private_ranges_beyond_the_machine() -> None:
    rules = machine("iptables", "-S", "devcloud-forward").splitlines()
    last_accept = max(i for i, rule in enumerate(rules) if "--dport 443 -j ACCEPT" in rule)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
        refusing = [i for i, r in enumerate(rules) if f"-d {network} " in r and "-j REJECT" in r]
        assert refusing
        assert refusing[0] < last_accept
    assert "-j REJECT" in rules[-1]


def test_a_second_run_changes_nothing() -> None:
    said = machine(DEVCLOUD / "up", "--fake-hosts", "--objects", "--load-balancers")
    stages = [line for line in said.splitlines() if line[:1] in "=✓✗…" and line.strip()]
    assert stages
    assert [line for line in stages if not line.startswith("=")] == []


def test_ceph_is_asked_by_no_connection_that_does_not_know_its_cluster() -> None:
    ask = (
        "from devcloud import ceph\n"
        "for _ in range(25):\n"
        "    with ceph.connected() as monitor:\n"
        "        assert monitor.run('osd stat')['num_up_osds'] == 1\n"
    )
    # Several at once: an idle machine tells each of them in time.
    words = ["/usr/bin/python3", "-s", "-c", ask]
    several = [subprocess.Popen(words, cwd=DEVCLOUD.parent) for _ in range(8)]
    assert [each.wait(300) for each in several] == [0] * 8


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_tells_how_to_use_it(command: str) -> None:
    said = machine(DEVCLOUD / command, "--help")
    assert f"Example: devcloud/{command}" in said


def test_without_root_it_says_so_and_changes_nothing() -> None:
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", DEVCLOUD / "up"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "needs root" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert done.stdout == ""


def test_what_the_machine_lacks_is_said_all_at_once_and_nothing_is_changed(tmp_path: Path) -> None:
    ubuntu, memory = tmp_path / "os-release", tmp_path / "meminfo"
    ubuntu.write_text('ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n')
    memory.write_text("MemTotal:        4194304 kB\n")
    # Another machine in the eyes of this one process.
    elsewhere = (
        f"mount --bind {ubuntu} /etc/os-release && mount --bind {memory} /proc/meminfo && "
        f"mount -t tmpfs -o size=1g tmpfs /var/lib/devcloud && exec {DEVCLOUD}/up"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", elsewhere], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "It needs Debian 12, and this is Ubuntu 24.04.1 LTS." in done.stderr
    assert "It needs 8 GiB of memory, and this machine has 4.0 GiB." in done.stderr
    assert "It needs 15 GiB free below /var/lib/devcloud, and there are 1.0 GiB." in done.stderr
    assert "Nothing was changed." in done.stderr
    assert done.stdout == ""


def test_passwords_are_on_no_command_line_and_readable_by_root_alone() -> None:
    path = Path("/var/lib/devcloud/passwords.json")
    assert path.stat().st_mode & 0o777 == 0o600
    lines = machine("ps", "-eo", "args")
    assert not [name for name, value in json.loads(path.read_text()).items() if value in lines]
