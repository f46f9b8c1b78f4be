"""Load balancers: Octavia's API and worker, with its amphora provider.

Its amphorae are servers of the fake host. Their ports, address pairs and security groups are real;
no packet goes through any of them, and no amphora ever reports.
"""

from typing import Any

from devcloud import catalog, configuration, home, images
from devcloud.stage import Stage

MADE = "load-balancers"  # in home.DONE
NETWORK, CIDR = "lb-mgmt", "172.24.6.0/24"
FLAVOR: dict[str, Any] = {"name": "amphora", "vcpus": 1, "ram": 1024, "disk": 4}
IMAGE = "amphora"
# Each load balancer takes some of the project `service`.
COMPUTE_QUOTAS = {"instances": -1, "cores": -1, "ram": -1}
NETWORK_QUOTAS = {"ports": -1, "security_groups": -1, "security_group_rules": -1}


def are_there() -> bool:
    """Whether this cloud was ever brought up with load balancers."""
    return (home.DONE / MADE).exists()


def make_ground(stage: Stage) -> None:
    """Make what amphorae stand on, all of it of the project `service`, and tell Octavia of it."""
    home.set_done(MADE, "")
    connection = catalog.connect()
    project = connection.identity.find_project("service", domain_id=catalog.DOMAIN).id
    # Both are done already on a second run, and end well.
    connection.set_compute_quotas(project, **COMPUTE_QUOTAS)
    connection.set_network_quotas(project, **NETWORK_QUOTAS)
    made = [*_flavor(connection), *_image(connection.image, project)]
    network, new = _network(connection.network, project)
    configuration.write_amphorae(FLAVOR["name"], IMAGE, project, network)
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
            cidr=CIDR,
            is_dhcp_enabled=False,
        )
    return network.id, made
