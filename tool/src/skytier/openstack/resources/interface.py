"""The network interfaces of a server: the ports that it has, and how it gets them back."""

from collections.abc import Sequence
from typing import Any

from skytier.deploy.kind import Found, Tell
from skytier.openstack.resources.project import PREFIX
from skytier.openstack.resources.waiting import ACTIVE_TIMEOUT_S, wait_for

NOTE = f"{PREFIX}port"
"""The key in a server's metadata that says which port it has, for the case that it is deleted."""


PUBLIC_PORT = f"{PREFIX}public-port"
"""The key in a server's metadata that says which public port it was made with: its id."""


def note_of(port: Found | None) -> str:
    """What is noted of a port: `fa:16:3e:00:00:01 192.168.128.5`. Empty if it is not known."""
    if port is None or not (port.facts.get("mac") and port.facts.get("address")):
        return ""
    return f"{port.facts['mac']} {port.facts['address']}"


def place_of(server: Found | None) -> dict[str, str]:
    """The mac and the address of the port that a server had; empty where nobody noted them.

    A guest knows its interface by the mac, and others know the machine by its address.
    """
    note = str(server.facts.get("metadata", {}).get(NOTE, "")) if server else ""
    mac, _, address = note.partition(" ")
    return {"mac": mac, "address": address} if address else {}


def attached(connection: Any, server: Any, port_ids: Sequence[str], tell: Tell) -> Any:
    """The server with its ports. One that runs is rebooted: so its system takes the interfaces."""
    for port_id in port_ids:
        _attach(connection, server, port_id, tell)
    if server.status == "ACTIVE":
        rebooted(connection.compute, server, tell)
    return connection.compute.get_server(server.id)


def _attach(connection: Any, server: Any, port_id: str, tell: Tell) -> None:
    if connection.network.get_port(port_id).device_id == server.id:
        return
    tell("attaching its port")
    connection.compute.create_server_interface(server, port_id=port_id)
    wait_for(
        f"Nova did not attach the port {port_id} to the server {server.name}",
        lambda: connection.network.get_port(port_id).device_id == server.id,
        ACTIVE_TIMEOUT_S,
        f"See why: openstack server event list {server.id}. Then run skytier up again.",
    )


def rebooted(compute: Any, server: Any, tell: Tell) -> None:
    """Reboot a server, and wait until Nova says that it runs."""
    tell("rebooting")
    compute.reboot_server(server, "SOFT")

    def done() -> bool:
        now = compute.get_server(server.id)
        tell((now.task_state or now.status).lower())
        return now.task_state is None and now.status in ("ACTIVE", "ERROR")

    wait_for(
        f"The reboot of the server {server.name} did not end",
        done,
        ACTIVE_TIMEOUT_S,
        f"See what holds it: openstack server show {server.id}",
    )
