"""Load balancers: Octavia with its amphora provider.

Amphorae are servers of the fake host: their ports, address pairs and security groups are real, no
packet goes through any of them, and none reports. Or they are guests (amphorae.py).
"""

from typing import Any

from devcloud import amphorae, catalog, configuration, home, images
from devcloud.fake_hosts import REAL_ZONE
from devcloud.network import AMPHORAE
from devcloud.services import FAKE_ZONE
from devcloud.stage import Stage

MADE = "load-balancers"  # in home.DONE, with the kind of the amphorae
FAKE, GUESTS = "servers of the fake host", "guests"
NETWORK = "lb-mgmt"
FLAVOR: dict[str, Any] = {"name": "amphora", "vcpus": 1, "ram": 1024, "disk": 4}
IMAGE = "amphora"
# Each load balancer takes some of the project `service`.
COMPUTE_QUOTAS = {"instances": -1, "cores": -1, "ram": -1}
NETWORK_QUOTAS = {"ports": -1, "security_groups": -1, "security_group_rules": -1}


def are_there() -> bool:
    """Whether this cloud was ever brought up with load balancers."""
    return (home.DONE / MADE).exists()


def are_amphorae() -> bool:
    """Whether the last ones had guests as amphorae."""
    return home.is_done(MADE, GUESTS)


def make_ground(stage: Stage, with_guests: bool) -> None:
    """Make what amphorae stand on, all of it of the project `service`, and tell Octavia of it."""
    home.set_done(MADE, GUESTS if with_guests else FAKE)
    connection = catalog.connect()
    project = connection.identity.find_project("service", domain_id=catalog.DOMAIN).id
    # Both are done already on a second run, and end well.
    connection.set_compute_quotas(project, **COMPUTE_QUOTAS)
    connection.set_network_quotas(project, **NETWORK_QUOTAS)
    made = _flavor(connection)
    network, new = _network(connection.network, project)
    known = {"flavor": FLAVOR["name"], "project_id": project, "network_id": network}
    if with_guests:
        known |= {"tag": amphorae.TAG, "zone": REAL_ZONE}
        made += amphorae.give_image(stage, connection.image, project)
        known["group_id"] = amphorae.group(connection.network, project)
        known["report_to"] = amphorae.reach(connection.network, project, network)
    else:
        known |= {"tag": IMAGE, "zone": FAKE_ZONE, "report_to": ""}
        made += _image(connection.image, project)
    configuration.write_amphorae(**known)
    if made or new:
        stage.done(", ".join([*made, *new]))


def _flavor(connection: Any) -> list[str]:
    name = FLAVOR["name"]
    if connection.compute.find_flavor(name):
        return []
    # No project sees it. Its id is known beforehand, as Octavia wants an id.
    connection.create_flavor(**FLAVOR, flavorid=name, is_public=False)
    return [f"flavor {name}"]


def _image(glance: Any, project: str) -> list[str]:
    """What the servers of the fake host are made of: nothing boots there."""
    asked = glance.get("/images", params={"tag": IMAGE, "owner": project, "status": "active"})
    if asked.json()["images"]:
        return []
    body = {"name": IMAGE, "tags": [IMAGE], "visibility": "private", "owner": project}
    formats = {"disk_format": "raw", "container_format": "bare"}
    images.send(glance, body | formats, b"nothing boots\n")
    return [f"image {IMAGE}"]


def _network(neutron: Any, project: str) -> tuple[str, list[str]]:
    """The id of the management network, and what was made of it."""
    found = next(iter(neutron.networks(name=NETWORK, project_id=project)), None)
    made = [] if found else [f"network {NETWORK}"]
    network = found or neutron.create_network(name=NETWORK, project_id=project)
    if not list(neutron.subnets(network_id=network.id)):
        neutron.create_subnet(
            name=NETWORK,
            network_id=network.id,
            project_id=project,
            ip_version=4,
            cidr=AMPHORAE,
            is_dhcp_enabled=False,
        )
    return network.id, made
