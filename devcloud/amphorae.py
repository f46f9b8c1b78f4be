"""Amphorae that are guests: their image, and the way between them and Octavia on this machine."""

import hashlib
import shutil
import uuid
from pathlib import Path
from typing import Any

from devcloud import command, home, images, network, recipe, wait
from devcloud.stage import Stage

TAG = "amphora-guest"
"""Of the image, and its name."""
BUILD = "devcloud_build"
GROUP = "lb-mgmt"
AGENT_PORT = 9443
PACKAGES = ["octavia-agent"]
# The agent starts what a load balancer needs; the rest is of no use in a guest like this.
DISABLED = [
    "anacron.service",
    "apparmor.service",
    "atd.service",
    "cron.service",
    "haproxy.service",
    "haveged.service",
    "ipvsadm.service",
    "keepalived.service",
]
MASKED = [
    # An encrypted file system in memory for the keys of listeners: none end TLS here, and it takes
    # an emulated CPU two minutes.
    "octavia-agent-certs-ramfs.service",
    # It has another name than the agent asks for, and fails without a file that nobody makes.
    "octavia-agent-netns.service",
    "pollinate.service",
]
# file in the image: its template below templates/image
FILES = {
    "etc/systemd/system/amphora-netns.service": "amphora-netns.service",
    "etc/systemd/system/octavia-agent.service.d/order.conf": "amphora-agent.conf",
    "etc/cloud/cloud.cfg.d/95_amphora.cfg": "amphora-cloud.cfg",
}
LOG = home.LOGS / "amphora-image.log"


def give_image(stage: Stage, glance: Any, project: str) -> list[str]:
    """Build the image, unless the cache has it, and give it to Glance, unless that has it."""
    directory = _cached()
    if not directory.exists():
        stage.doing(f"building the image of amphorae; log: {LOG}")
        _build(directory)
    identity = (directory / "id").read_text()
    asked = glance.get("/images", params={"owner": project, "limit": "500"})
    found = [image for image in asked.json()["images"] if image["name"].startswith(TAG)]
    if any(image.get(BUILD) == identity and TAG in image["tags"] for image in found):
        return []
    common = {"visibility": "private", "owner": project, BUILD: identity}
    boots = {
        key: _send(glance, directory / file, {"name": f"{TAG}-{file}", **common}, kind)
        for key, file, kind in (
            ("kernel_id", "vmlinuz", "aki"),
            ("ramdisk_id", "initrd", "ari"),
        )
    }
    body = {
        "name": TAG,
        "tags": [TAG],
        "min_disk": recipe.SIZE_GIB,
        "os_command_line": recipe.KERNEL_ARGUMENTS,
        "hw_rng_model": "virtio",
        **boots,
        **common,
    }
    _send(glance, directory / "amphora.qcow2", body, "qcow2")
    for image in found:
        glance.delete(f"/images/{image['id']}")
    return [f"image {TAG}"]


def group(neutron: Any, project: str) -> str:
    """The id of the security group by which Octavia reaches the agent."""
    found = next(iter(neutron.security_groups(name=GROUP, project_id=project)), None)
    if found is None:
        found = neutron.create_security_group(name=GROUP, project_id=project)
        neutron.create_security_group_rule(
            security_group_id=found.id,
            project_id=project,
            direction="ingress",
            ether_type="IPv4",
            protocol="tcp",
            port_range_min=AGENT_PORT,
            port_range_max=AGENT_PORT,
        )
    return str(found.id)


def reach(neutron: Any, project: str, network_id: str) -> str:
    """Put this machine on the management network. Returns its address there."""
    (subnet,) = neutron.subnets(network_id=network_id)
    if not subnet.is_dhcp_enabled:
        # Amphorae need none. Its agent has a port there, so that the network's bridge is made.
        neutron.update_subnet(subnet, is_dhcp_enabled=True)
    owner = "devcloud:octavia"
    port = next(iter(neutron.ports(network_id=network_id, device_owner=owner)), None)
    port = port or neutron.create_port(
        name="octavia", network_id=network_id, project_id=project, device_owner=owner
    )
    address = str(port.fixed_ips[0]["ip_address"])
    # As the bridge agent names it.
    bridge = f"brq{network_id[:11]}"
    wait.until(
        lambda: (network.LINKS / bridge).exists(),
        f"The management network of amphorae has no bridge {bridge}",
        wait.PATIENCE_S,
        "Look at devcloud/logs neutron-linuxbridge-agent and devcloud/logs neutron-dhcp-agent.",
    )
    prefix = network.AMPHORAE.partition("/")[2]
    command.run(["ip", "address", "replace", f"{address}/{prefix}", "dev", bridge])
    return address


def _cached() -> Path:
    here = Path(__file__)
    parts = [recipe.fingerprint().encode(), here.read_bytes()]
    parts += [
        (here.parent / "templates/image" / f"{each}.j2").read_bytes() for each in FILES.values()
    ]
    return home.IMAGES / f"amphora-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _build(directory: Path) -> None:
    """Build it on a root of its own: the plain image's is gone by now."""
    system, new = recipe.DEBIAN_12, home.IMAGES / "amphora-new"
    with home.lock(home.IMAGES / "lock", wait=True):
        root = images.make_root(system, new, LOG)
        recipe.add_packages(system, root, PACKAGES, DISABLED, LOG)
        _settle(root)
        images.take_kernel(root, new)
        images.pack(root, new / "amphora.qcow2", LOG)
        shutil.rmtree(root)
        (new / "id").write_text(str(uuid.uuid4()))
        for old in home.IMAGES.glob("amphora-*"):
            if old != new:
                shutil.rmtree(old)
        new.rename(directory)


def _settle(root: Path) -> None:
    """What the package leaves to whoever makes an image of it."""
    units = root / "etc/systemd/system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (root / "var/lib/octavia/certs").mkdir(parents=True, exist_ok=True)
    for path, template in FILES.items():
        recipe.put(root, path, template)


def _send(glance: Any, path: Path, body: dict[str, Any], kind: str) -> str:
    container = "bare" if kind == "qcow2" else kind
    with path.open("rb") as data:
        formats = {"disk_format": kind, "container_format": container}
        return images.send(glance, body | formats, data)
