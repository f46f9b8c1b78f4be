"""What the devcloud does to the machine's own network, before it is done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from devcloud import command, home, machine, network
from devcloud.stage import Stage


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was run and written, on a machine with IPv6 that has nothing of it yet."""
    said = list[str]()
    for name in network.SYSCTLS:
        path = tmp_path / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    monkeypatch.setattr(network, "PROC", tmp_path / "proc")
    monkeypatch.setattr(home, "DONE", tmp_path)
    monkeypatch.setattr(machine, "default_device", lambda: "eth0")
    monkeypatch.setattr(machine, "resolvers", lambda: ["192.0.2.53"])
    monkeypatch.setattr(machine, "mtu", lambda: 1400)

    def run(words: list[str], **_: object) -> str:
        said.append(" ".join(map(str, words)))
        return ""

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command, "try_run", lambda words: bool(run(words)))
    return said


def test_what_is_made_afterwards_takes_no_router_advertisements(
    tmp_path: Path, ran: list[str]
) -> None:
    network._guard()
    network._sysctls()

    assert (tmp_path / "proc/net/ipv6/conf/default/accept_ra").read_text() == "0"
    assert "ip -6 route replace unreachable fd5b:4::/32 metric 4000" in ran
    assert home.DONE.joinpath(network.BEFORE).exists(), "what it was, for the way back"


def test_up_guards_and_refuses_advertisements_before_it_makes_a_bridge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = list[str]()
    for name in ("_guard", "_sysctls", "_bridge", "_cable"):
        monkeypatch.setattr(network, name, lambda name=name: order.append(name) or [])
    monkeypatch.setattr(network, "_firewall", lambda with_objects: order.append("_firewall") or [])

    network.up(Stage("network"), with_objects=False)

    assert order == ["_guard", "_sysctls", "_bridge", "_cable", "_firewall"]


def test_guests_reach_no_service_of_the_machine_and_nothing_outside_by_ipv6(ran: list[str]) -> None:
    network._firewall(with_objects=False)

    own = [each.partition(" (")[0] for each in ran if each.startswith("ip6tables")]
    chain = [
        each.partition("-A devcloud-input ")[2] for each in own if " -A devcloud-input" in each
    ]
    assert chain == [
        "-i br-ex -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "-i br-ex -p ipv6-icmp -j ACCEPT",
        "-i br-ex -j REJECT",
    ]
    assert "ip6tables -w -t filter -A devcloud-forward -i br-ex -o eth0 -j REJECT" in own
    assert own[-1] == "ip6tables -w -t filter -I INPUT 1 -j devcloud-input"


def test_a_machine_without_ipv6_gets_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ran: list[str]
) -> None:
    monkeypatch.setattr(network, "PROC", tmp_path / "none")
    network._guard()
    network._firewall(with_objects=False)
    assert not [each for each in ran if "ip -6" in each or "ip6tables -w -t filter -A" in each]


LAID = """
import subprocess
from devcloud import network

subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)

def laid():
    return [*network._bridge(), *network._cable()]

def ip(*words):
    subprocess.run(["ip", *words], check=True)

print(laid(), laid())
ip("link", "set", "ve-public-ex", "nomaster")
ip("link", "set", "ve-public", "down")
print(laid(), laid())
ip("link", "delete", "br-ex")
print(laid(), laid())
ip("-brief", "link", "show", "master", "br-ex", "up")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
def test_a_cable_that_was_left_half_laid_or_lost_its_bridge_is_laid() -> None:
    words = ["unshare", "--net", "--mount", sys.executable, "-c", LAID]
    root = Path(__file__).parents[1]
    done = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True)
    first, cut, without_bridge, link = done.stdout.splitlines()
    assert first == "['bridge br-ex', 'cable ve-public'] []"
    assert cut == "['cable ve-public'] []"
    assert without_bridge == first
    assert link.startswith("ve-public-ex@ve-public ")
