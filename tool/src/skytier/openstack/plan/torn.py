"""What somebody took apart: a server without its port or volume, an address that leads elsewhere.

Pure: it looks at all that was found, and says on each resource what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from skytier.deploy.kind import Found
from skytier.deploy.update import CONFIGURATION
from skytier.openstack.resources.floating_ip import FloatingIP, not_ours
from skytier.openstack.resources.interface import PUBLIC_PORT, place_of
from skytier.openstack.resources.port import Port
from skytier.openstack.resources.public_port import PublicPort
from skytier.openstack.resources.server import DETACHED, Server
from skytier.openstack.resources.server_state import BEING_DELETED, OFFLOADED
from skytier.openstack.resources.virtual_port import VirtualPort
from skytier.openstack.resources.volume import DATA_ID, Volume
from skytier.openstack.resources.volume_attachment import VolumeAttachment, detach_there
from skytier.roles import ROLES


def recognised(found: Sequence[Found], *, own_network: bool, backups: str = "") -> list[Found]:
    """The same, with what was taken apart as a fault, or as what `up` undoes.

    With `own_network` a port can be made again as it was; in a network of others Neutron chooses
    its address. `backups` says what there is to restore from, for a server whose volume is gone.
    """
    found = [_being_deleted(_without_volume(each, found, backups)) for each in found]
    servers = {each.id: each for each in found if each.key.kind == Server.name}
    # A killed run can leave two of one name.
    ports = [each for each in found if each.key.kind == Port.name]
    public = [each for each in found if each.key.kind == PublicPort.name]
    virtual = [each for each in found if each.key.kind == VirtualPort.name]
    about = (servers, ports, public, virtual)
    return [_recognised(each, *about, own_network=own_network) for each in found]


def _recognised(
    one: Found,
    servers: Mapping[str, Found],
    ports: Sequence[Found],
    public: Sequence[Found],
    virtual: Sequence[Found],
    *,
    own_network: bool,
) -> Found:
    if one.fault:
        return one
    match one.key.kind:
        case Server.name:
            own = [each for each in ports if each.key.name == one.key.name]
            server = _server(one, own, own_network=own_network)
            return _in_public(server, [p for p in public if p.key.name == one.key.name])
        case Port.name:
            return _port(one, servers, ports)
        case PublicPort.name:
            return _port(one, servers, public)
        case VolumeAttachment.name if one.attributes["server"] not in servers:
            return replace(
                one,
                fault=f"the server {one.attributes['server']} has it, which is not of this stack",
                by_hand=detach_there(one.key.name, one.attributes["server"]),
            )
        case FloatingIP.name:
            return _floating_ip(one, [*ports, *virtual])
        case Volume.name:
            return _volume(one, servers)
    return one


def _without_volume(one: Found, found: Sequence[Found], backups: str) -> Found:
    """A server whose data was on a volume that is not there any more."""
    volume = one.facts.get("metadata", {}).get(DATA_ID) if one.key.kind == Server.name else None
    if not volume or any(each.id == volume for each in found):
        return one
    fault = f"the volume {volume} with its data is gone"
    set_up = {each.key.name for each in found if each.key.kind == CONFIGURATION}
    others = [
        each
        for each in found
        if each.key.kind == Server.name and each.key != one.key and not each.fault
        if each.key.name in set_up and each.facts["role"] == one.facts["role"]
    ]
    if others:  # members of the database, of which each has all data
        return replace(one, fault=fault, mend="")
    return replace(
        one,
        fault=fault,
        mend="",
        by_hand=f"If nobody can bring that volume back: skytier up --give-up {one.key.name} makes "
        f"a new server with an empty volume. {backups}".rstrip(),
    )


def _being_deleted(one: Found) -> Found:
    """A server that somebody is deleting, with the data on its own disk: `up` has no part in it."""
    role = ROLES.get(one.facts.get("role", "")) if one.key.kind == Server.name else None
    on_volume = one.facts.get("metadata", {}).get(DATA_ID)
    if one.fault != BEING_DELETED or role is None or not role.holds_data or on_volume:
        return one
    return replace(
        one,
        by_hand="Run skytier up again once it is gone. skytier audit says who changed the stack. "
        f"If it does not end, ask the cloud's operator: openstack server show {one.id}",
    )


def _server(server: Found, ports: Sequence[Found], *, own_network: bool) -> Found:
    if not server.facts.get("launched_at"):
        return server  # Nova may just be attaching it
    if not ports:
        if server.facts.get("status") == OFFLOADED and server.facts.get("addresses"):
            # Neutron's word that a port is gone reaches no server that has no host. Nova goes on
            # with what it noted before, and each unshelving ends with "PortNotFound".
            return replace(
                server,
                fault="its port was deleted while it was shelved, so Nova cannot unshelve it",
                mend="",
            )
        if own_network and place_of(server):
            return _detached(server, "its port is gone", "a port of the same address is made")
        return _without(server, "port", "it gets another port")
    return _with(server, ports, "port")


def _in_public(server: Found, ports: Sequence[Found]) -> Found:
    """A server that was made with a public port: it has that, or another one."""
    if server.fault or not server.facts.get("launched_at"):
        return server
    if PUBLIC_PORT not in server.facts.get("metadata", {}):
        return server
    if not ports:
        return _without(server, "public port", "it gets another one")
    return _with(server, ports, "public port")


def _without(server: Found, port: str, mend: str) -> Found:
    fault = f"its {port} is gone, and its address with it"
    return replace(_detached(server, "", ""), fault=fault, mend=mend)


def _with(server: Found, ports: Sequence[Found], port: str) -> Found:
    # A duplicate of it has the port, or a server of others: that is told elsewhere.
    if any(each.facts.get("device") for each in ports):
        return server
    return _detached(server, f"its {port} was detached", "it is attached again")


def _detached(server: Found, drift: str, undo: str) -> Found:
    return replace(
        server,
        attributes={**server.attributes, "interface": DETACHED},
        drift=" and ".join(each for each in (server.drift, drift) if each),
        undo=" and ".join(each for each in (server.undo, undo) if each),
    )


def _port(port: Found, servers: Mapping[str, Found], ports: Sequence[Found]) -> Found:
    device = port.facts.get("device")
    if device in servers:
        return port
    if not device:
        in_use = any(each.key == port.key and each.facts.get("device") in servers for each in ports)
        # So the one that is in use is not the duplicate that is deleted.
        return replace(port, fault="its server has another one of this name") if in_use else port
    return replace(
        port,
        fault=f"the server {device} has it, which is not of this stack",
        by_hand="Detach it there, if nobody needs it: openstack server remove port "
        f"{device} {port.id}",
    )


def _floating_ip(address: Found, ports: Sequence[Found]) -> Found:
    port = address.attributes["port"]
    if not port:
        # Not None, which is what a port has for its id that is still to be made.
        attributes = {**address.attributes, "port": ""}
        drift, undo = "it leads nowhere", "it is led to its machine"
        return replace(address, attributes=attributes, drift=drift, undo=undo)
    if any(port == each.id for each in ports):
        return address
    return replace(
        address,
        fault=f"it leads to the port {port}, which is not of this stack",
        by_hand=not_ours(address.facts["address"]),
    )


def _volume(volume: Found, servers: Mapping[str, Found]) -> Found:
    """One with data is not touched while it is detached, unless it is because its server goes."""
    leaving = any(servers[each].fault for each in volume.facts["servers"] if each in servers)
    if volume.facts["status"] != "detaching" or not volume.facts["data"] or leaving:
        return volume
    return replace(
        volume,
        fault="it is being detached from its server",
        by_hand="Run skytier up again once that has ended. If it does not end, ask the cloud's "
        f"operator: openstack volume show {volume.id}",
    )
