"""A host that makes nothing, in a zone of its own, for tests of what many servers cost."""

from typing import Any

from devcloud import catalog, command, home, wait
from devcloud.configuration import HOST
from devcloud.release import HERE
from devcloud.services import FAKE_HOST, FAKE_ZONE
from devcloud.stage import Stage

REAL_ZONE = "nova"


def up(stage: Stage) -> None:
    """Put the host into its cell and its zone, once its services have reported."""
    connection = catalog.connect()
    do = "Look at devcloud/logs nova-compute-fake and devcloud/logs neutron-fake-agent."
    wait.until(lambda: _reported(connection), "The fake host has not reported", wait.PATIENCE_S, do)
    compute = connection.compute
    # The real host first. Servers that name no zone are for the zone `nova`, and as long as no
    # aggregate says so, Nova takes a host without a zone for one of every zone.
    made = HERE.has_guests and _put(compute, HOST, REAL_ZONE)
    if not any(each.name == FAKE_HOST for each in compute.hypervisors()):
        discover()
    made = _put(compute, FAKE_HOST, FAKE_ZONE) or made
    # The scheduler asks Placement for the hosts of a zone. Nova tells it when a host is put there,
    # and does not try again where Placement does not know the host yet.
    hosts = 2 if HERE.has_guests else 1

    def known() -> bool:
        return len(_zones_in_placement(connection)) >= hosts

    wait.until(known, "Placement does not know all hosts", wait.PATIENCE_S, do)
    if not all(_zones_in_placement(connection).values()):
        _manage("placement", "sync_aggregates")
        made = True
    if made:
        stage.done(f"in the zone {FAKE_ZONE}")


def _zones_in_placement(connection: Any) -> dict[str, list[str]]:
    """The hosts that Placement knows, and the ids of the aggregates of each."""
    placement = connection.placement
    found = placement.get("/resource_providers").json()["resource_providers"]
    return {
        each["name"]: placement.get(
            f"/resource_providers/{each['uuid']}/aggregates", microversion="1.1"
        ).json()["aggregates"]
        for each in found
    }


def _put(compute: Any, host: str, zone: str) -> bool:
    """Put a host into a zone. Returns whether it was not there."""
    found = next((each for each in compute.aggregates() if each.availability_zone == zone), None)
    found = found or compute.create_aggregate(name=zone, availability_zone=zone)
    if host in (found.hosts or []):
        return False
    compute.add_host_to_aggregate(found, host)
    return True


def _reported(connection: Any) -> bool:
    agents = connection.network.agents(host=FAKE_HOST)
    services = connection.compute.services(host=FAKE_HOST)
    return any(each.is_alive for each in agents) and any(each.state == "up" for each in services)


def discover() -> None:
    """Have Nova put hosts that are new into the cell."""
    _manage("cell_v2", "discover_hosts")


def _manage(*words: str) -> None:
    conf = f"--config-file={home.ETC}/nova/nova.conf"
    command.run(["nova-manage", conf, *words], user="nova")
