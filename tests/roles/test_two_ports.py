"""The machine with a public and a private port: which way its packets leave, in a container.

Each network has a DHCP server that names a gateway, as Neutron's do (dnsmasq, as there).
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from skytier import roles
from tests.cluster import container
from tests.cluster.conftest import TIMEOUT_S
from tests.cluster.container import Container
from tests.roles.topology import topology

pytestmark = pytest.mark.timeout(TIMEOUT_S)
PUBLIC, PRIVATE = "203.0.113", "192.168.128"
STACK = topology('public = "port"\npublic_network = "provider"\n')
LINK = "[Match]\nName={}\n[Network]\nDHCP=ipv4\n"
"""As netplan writes it for an image of a cloud."""


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
def machine() -> Iterator[Container]:
    """One that has both ports; it has not booted yet."""
    if reason := container.missing():
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(prefix="skytier-ports-"))
    made = Container("shop-web-1", f"{PRIVATE}.10", home / "shop-web-1", has_network=True)
    outside = f"{made.namespace}-out"
    for namespace in (made.namespace, outside):
        run("ip", "netns", "add", namespace)
    servers = []
    # The private one is first: its answer may come first, too.
    for name, network in (("eth1", PRIVATE), ("eth0", PUBLIC)):
        run(
            *("ip", "link", "add", name, "netns", made.namespace, "type", "veth"),
            *("peer", "name", name, "netns", outside),
        )
        run("ip", "-netns", outside, "address", "add", f"{network}.1/24", "dev", name)
        run("ip", "-netns", outside, "link", "set", name, "up")
    for name, network in (("eth1", PRIVATE), ("eth0", PUBLIC)):
        servers.append(
            subprocess.Popen(
                [
                    *("ip", "netns", "exec", outside, "dnsmasq", "--no-daemon", "--port=0"),
                    *("--conf-file=/dev/null", "--bind-interfaces", f"--interface={name}"),
                    f"--dhcp-range={network}.10,{network}.99,1h",
                    # As where a subnet has routes of its own: then the gateway is one of them.
                    f"--dhcp-option=option:classless-static-route,0.0.0.0/0,{network}.1",
                    f"--dhcp-option=option:router,{network}.1",
                    f"--dhcp-leasefile={home}/leases-{name}",
                ],
                stderr=subprocess.DEVNULL,
            )
        )
    yield made
    made.delete()
    for server in servers:
        server.terminate()
        server.wait()
    run("ip", "netns", "delete", outside)
    shutil.rmtree(home)


def test_the_default_route_is_the_public_one_also_after_a_restart(machine: Container) -> None:
    document = yaml.safe_load(roles.user_data(STACK, STACK.of("web")[0]))
    machine.create(f"#cloud-config\n{yaml.safe_dump({'bootcmd': document['bootcmd'][1:]})}")
    for name in ("eth0", "eth1"):
        file = machine.root / f"etc/systemd/network/10-netplan-{name}.network"
        file.write_text(LINK.format(name))
    enabled = machine.root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    enabled.symlink_to("/lib/systemd/system/systemd-networkd.service")
    for _ in range(2):
        machine.start()
        machine.wait_for("[ -e /run/cloud-init/result.json ]")
        for network in (PUBLIC, PRIVATE):
            machine.wait_for(f"ip -4 -o address show | grep -qF {network}.")
        default = machine.run("ip -4 route show default").splitlines()
        assert len(default) == 1, default
        assert f"via {PUBLIC}.1 dev eth0" in default[0]
        assert f"src {PRIVATE}." in machine.run(f"ip -4 route get {PRIVATE}.20")
        # Asked again, nothing else comes of it.
        machine.run("networkctl renew eth1; sleep 1")
        assert "eth1" not in machine.run("ip -4 route show default")
        machine.stop()
