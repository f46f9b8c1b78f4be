"""The web servers as a load balancer of the cloud sees them now."""

from collections.abc import Mapping
from dataclasses import dataclass

from openstack.connection import Connection

from skytier.deploy.kind import Found, Key
from skytier.openstack.entry_point import FRONT, address_of
from skytier.openstack.resources import load_balancer_parts as parts
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.floating_ip import FloatingIP
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.port import Port
from skytier.services.haproxy.view import Seen, View
from skytier.services.nginx.load_balanced import HTTP_PORT
from skytier.stackfile import StackFile
from skytier.status import MachineStatus, ServiceStatus

SILENT = "Octavia does not tell how the web servers are"
_MADE_NOW = "PENDING_CREATE"
_NOT_THERE = frozenset({_MADE_NOW, "PENDING_DELETE", "DELETED"})
_NO_WORD = "OFFLINE"
"""What Octavia says of a member that no health monitor told it of yet, and of a disabled one."""


@dataclass(frozen=True)
class LoadBalancerView:
    """A load balancer, which says of each web server what its health monitor found.

    Octavia writes that down some seconds after it was found.
    """

    name: str
    connection: Connection
    id: str
    machines: Mapping[str, str]
    """Addresses, and the names of the machines that have them."""

    def members(self) -> View:
        """The web servers, with what Octavia says of each. Raises SkytierError."""
        octavia, mine = self.connection.load_balancer, self.connection.current_project_id
        try:
            operating = parts.operating(parts.read(octavia, str(mine), self.id))
        except API_ERRORS as error:
            raise explained(f"{self.name} could not be asked for its web servers", error) from error
        return seen(operating, self.machines)

    def view(self) -> View | None:
        """The web servers in its view; None where Octavia does not tell. Raises SkytierError."""
        members = self.members()
        return None if is_silent(members) else members


def seen(operating: Mapping[str, str], machines: Mapping[str, str]) -> View:
    """The view of one, by the operating status of each address."""
    return {
        machines[address]: Seen(f"{address}:{HTTP_PORT}", status)
        for address, status in operating.items()
        if address in machines
    }


def is_silent(view: View) -> bool:
    """Whether Octavia tells nothing: all are OFFLINE. A failed check is ERROR, and no member is
    disabled, so nothing told Octavia of any."""
    return {each.status for each in view.values()} == {_NO_WORD}


def as_found(known: Mapping[Key, Found]) -> View | None:
    """The web servers as the load balancer saw them when it was looked for; None where there is
    none, or Octavia does not tell."""
    found = next((each for key, each in known.items() if key.kind == LoadBalancer.name), None)
    view = seen(found.facts["members"], machines_of(known)) if found else {}
    return None if not view or is_silent(view) else view


def of(connection: Connection, known: Mapping[Key, Found]) -> list[LoadBalancerView]:
    """The load balancer of a stack, where visitors come through it.

    It serves also while Octavia changes it, or after it failed to.
    """
    return [
        each
        for key, found in known.items()
        if key.kind == LoadBalancer.name and _is_led_to(found, known)
        for each in at(found.attributes.get("port", ""), connection, known)
    ]


def at(port: str, connection: Connection, known: Mapping[Key, Found]) -> list[LoadBalancerView]:
    """The load balancer that has a port, by its id."""
    return [
        LoadBalancerView(key.name, connection, found.id, machines_of(known))
        for key, found in known.items()
        if key.kind == LoadBalancer.name and found.attributes.get("port") == port
        if found.attributes.get("state", _MADE_NOW) not in _NOT_THERE
    ]


def _is_led_to(balancer: Found, known: Mapping[Key, Found]) -> bool:
    """Whether a floating IP leads there, if there are any: else it is to come, or to go."""
    addresses = [found for key, found in known.items() if key.kind == FloatingIP.name]
    port = balancer.attributes.get("port")
    return not addresses or any(each.attributes["port"] == port for each in addresses)


def machines_of(known: Mapping[Key, Found]) -> dict[str, str]:
    """The address of each machine, and its name."""
    return {
        str(found.facts["address"]): key.name
        for key, found in known.items()
        if key.kind == Port.name
    }


def status(stack: StackFile, known: Mapping[Key, Found]) -> MachineStatus | None:
    """A load balancer as `skytier status` shows it, in a row with the machines; None for none.

    A web server that is drained is out as one that fails, which Octavia does not tell apart: what
    ails that one is told with its machine. One that does not tell is not said to be ill.
    """
    found = next((each for key, each in known.items() if key.kind == LoadBalancer.name), None)
    if found is None:
        return None
    view = seen(found.facts["members"], machines_of(known))
    well = (is_silent(view) or any(each.serves for each in view.values())) and not found.fault
    entry = known.get(address_of(stack))
    addresses = [each.facts["address"] for each in (entry, found) if each]
    return MachineStatus(
        *(found.key.name, FRONT, addresses[0], well),
        services=[ServiceStatus("octavia", well, None, found.fault or _told(view))],
        addresses=list(dict.fromkeys(addresses)),
    )


def _told(view: View) -> str:
    if is_silent(view):
        return SILENT
    out = [f"{name} is {each}" for name, each in view.items() if not each.serves]
    serving = len(view) - len(out)
    return "; ".join([f"{serving} of {len(view)} web servers get requests", *out])
