"""What the cloud offers to its projects: flavors and the external network."""

from typing import Any

from devcloud import catalog, network
from devcloud.stage import Stage

FLAVORS = {
    "m1.small": {"vcpus": 2, "ram": 4096, "disk": 20},
    "m1.tiny": {"vcpus": 1, "ram": 768, "disk": 4},
    # As clouds have them whose servers boot from volumes alone.
    "zero.tiny": {"vcpus": 1, "ram": 768, "disk": 0},
}


def up(stage: Stage) -> None:
    """Make what is missing, as the administrator."""
    connection = catalog.connect()
    made = [*_flavors(connection.compute), *_public(connection.network)]
    if made:
        stage.done(", ".join(made))


def _flavors(compute: Any) -> list[str]:
    there = {flavor.name for flavor in compute.flavors()}
    missing = [name for name in FLAVORS if name not in there]
    for name in missing:
        compute.create_flavor(name=name, **FLAVORS[name])
    return missing


def _public(neutron: Any) -> list[str]:
    public = neutron.find_network("public")
    made = [] if public else ["network public"]
    public = public or neutron.create_network(
        name="public",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    if not list(neutron.subnets(network_id=public.id)):
        prefix = network.GATEWAY.rpartition(".")[0]
        neutron.create_subnet(
            name="public-subnet",
            network_id=public.id,
            ip_version=4,
            cidr=network.PUBLIC,
            gateway_ip=network.GATEWAY,
            allocation_pools=[{"start": f"{prefix}.10", "end": f"{prefix}.200"}],
            is_dhcp_enabled=False,
        )
    return made
