"""A host that makes nothing, in a zone of its own, for tests of what many servers cost."""

from typing import Any

from devcloud import catalog, command, home, wait
from devcloud.services import FAKE_HOST
from devcloud.stage import Stage

ZONE = "fake"


def up(stage: Stage) -> None:
    """Put the host into its cell and its zone, once its services have reported."""
    connection = catalog.connect()
    do = "Look at devcloud/logs nova-compute-fake and devcloud/logs neutron-fake-agent."
    wait.until(lambda: _reported(connection), "The fake host has not reported", 120, do)
    compute = connection.compute
    if not any(each.name == FAKE_HOST for each in compute.hypervisors()):
        discover()
    zone = next((each for each in compute.aggregates() if each.name == ZONE), None)
    zone = zone or compute.create_aggregate(name=ZONE, availability_zone=ZONE)
    if FAKE_HOST not in (zone.hosts or []):
        compute.add_host_to_aggregate(zone, FAKE_HOST)
        stage.done(f"in the zone {ZONE}")


def _reported(connection: Any) -> bool:
    agents = connection.network.agents(host=FAKE_HOST)
    services = connection.compute.services(host=FAKE_HOST)
    return any(each.is_alive for each in agents) and any(each.state == "up" for each in services)


def discover() -> None:
    """Have Nova put hosts that are new into the cell."""
    conf = f"--config-file={home.ETC}/nova/nova.conf"
    command.run(["nova-manage", conf, "cell_v2", "discover_hosts"], user="nova")
