"""The machine that an image is made from, and one that is made from the image: in a container."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skytier import roles
from skytier.hosts.ssh_config import ACCOUNT
from skytier.openstack.resources.baked_image import why
from skytier.services.system.service import BAKED, INSTALL
from tests.cluster import container
from tests.cluster.conftest import TIMEOUT_S
from tests.cluster.container import Base, Container
from tests.roles.topology import TOPOLOGY, WEB, topology

pytestmark = pytest.mark.timeout(TIMEOUT_S)
OF_ONE_MACHINE = (
    *(
        "etc/ssh/ssh_host_*",
        "etc/netplan/50-cloud-init.yaml",
        "etc/systemd/network/10-cloud-init-*",
    ),
    *("root/.ssh/*", "home/*", "var/log/**/*", "tmp/*", "var/tmp/*", "var/lib/dhcp/*.leases"),
    *("var/lib/systemd/random-seed", "var/lib/systemd/credential.secret"),
    *("var/lib/apt/lists/**/*", "var/cache/apt/archives/*.deb"),
    *("var/lib/cloud/instance*", "var/lib/cloud/data/*", "var/lib/cloud/sem/*"),
    *("etc/apt/apt.conf.d/90skytier", INSTALL.lstrip("/")),
)


@pytest.fixture
def make(base: Base) -> Iterator[Callable[[str], Container]]:
    """Makes a machine that has not booted yet, alone in its network."""
    if reason := container.missing():
        pytest.skip(reason)
    made: list[Container] = []

    def one(user_data: str) -> Container:
        home = Path(tempfile.mkdtemp(prefix="skytier-bake-"))
        machine = Container("shop-image", "192.168.128.9", home / "shop-image", base=base)
        subprocess.run(["ip", "netns", "add", machine.namespace], check=True)
        made.append(machine)
        # A container has no console that a program can write to.
        machine.create(user_data.replace("/dev/console", "/console"))
        return machine

    yield one
    for machine in made:
        machine.delete()
        # Also what machines of one cluster share.
        shutil.rmtree(machine.home.parent)


def console(machine: Container) -> str:
    return (machine.root / "console").read_text()


def test_nothing_of_one_machine_is_left_and_another_one_boots_from_it(
    make: Callable[[str], Container],
) -> None:
    baked = make(roles.bake(TOPOLOGY, WEB))
    root = baked.root
    (root / "etc/ssh/ssh_host_ed25519_key").write_text("its own")
    (root / "var/log/of-the-builder.log").write_text("its own")
    (root / "root/.ssh").mkdir(exist_ok=True)
    (root / "root/.ssh/authorized_keys").write_text("its own")

    baked.start()

    assert baked.process
    baked.process.wait(900)
    baked.process = None
    assert BAKED in console(baked)
    assert (root / "etc/machine-id").read_text() == ""
    assert (root / "etc/hostname").read_text() == "localhost\n"
    left = [path for pattern in OF_ONE_MACHINE for path in root.glob(pattern)]
    assert [path for path in left if path.is_file() and not path.is_symlink()] == []
    accounts = (root / "etc/passwd").read_text()
    assert not re.search(r":1\d{3}:", accounts)

    seed = root / "var/lib/cloud/seed/nocloud"
    (seed / "user-data").write_text(roles.user_data(TOPOLOGY, WEB))
    (seed / "meta-data").write_text("instance-id: shop-web-2\nlocal-hostname: shop-web-2\n")
    baked.start()
    baked.wait()
    baked.wait_for("[ -e /run/cloud-init/result.json ]")
    assert len(baked.run("cat /etc/machine-id").strip()) == 32
    assert baked.run("cat /etc/ssh/ssh_host_ed25519_key.pub").startswith("ssh-ed25519 ")
    assert baked.run(f"id --name --user {ACCOUNT}").strip() == ACCOUNT
    baked.run(f"{INSTALL} --all-there")
    # Updates are off until it is set up, as on a machine that was made from a plain image.
    assert 'APT::Periodic::Enable "0"' in baked.run("cat /etc/apt/apt.conf.d/90skytier")


def test_a_package_that_there_is_not_is_told_and_nothing_is_powered_off(
    make: Callable[[str], Container],
) -> None:
    stack = topology('web.packages = ["no-such-package"]')
    failing = make(roles.bake(stack, WEB))
    failing.start()
    failing.wait_for("systemctl is-failed --quiet skytier-bake", 900)
    said = why(console(failing))
    assert "Skytier could not install these packages: no-such-package" in said
    assert BAKED not in console(failing)
