"""Floating IPs: the stack's own, or one that the operator brought along."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.errors import SkytierError
from skytier.openstack.resources.project import Project, own_tags


class FloatingIP:
    """`attributes`: port (a Key), tags. `creation`: external_network (an id). `facts`: address.

    It has no name: its description is the mark and the name of the machine that it leads to. An
    address that the operator owns is associated and dissociated, never described or deleted.

    The one of the entry point stays the same when another machine becomes the entry point.
    """

    name = "floating IP"
    fixed: frozenset[str] = frozenset()

    def __init__(
        self, project: Project, entry: Key, entry_points: Collection[str], address: str = ""
    ) -> None:
        """`entry` is that of the entry point, which may have led to any of `entry_points` (names of
        machines) before; `address` is the operator's own."""
        self._project = project
        self._network = project.connection.network
        self._entry = entry
        self._entry_points = entry_points
        self._address = address

    def find(self) -> Iterable[Found]:
        """Those whose description begins with the mark, and the one that was brought along.

        That one is the stack's for as long as it leads to one of its ports.
        """
        ours = self._own_ports() if self._address else set()
        for ip in self._network.ips(project_id=self._project.id):
            mark, _, name = (ip.description or "").partition(" ")
            if self._address and ip.floating_ip_address == self._address:
                if ip.port_id in ours:
                    yield self._found(ip, self._entry, foreign=True)
            elif mark == self._project.mark:
                is_entry = name in self._entry_points
                yield self._found(ip, self._entry if is_entry else Key(self.name, name))

    def create(self, wanted: Wanted, known: Known) -> Found:
        """A new one, never one that lies free, and associated by the same call."""
        if wanted.key == self._entry and self._address:
            return self._found(self._bring(), wanted.key, foreign=True)
        ip = self._network.create_ip(
            floating_network_id=wanted.creation["external_network"],
            description=self._description(wanted.key),
            port_id=known.attributes(wanted)["port"],
        )
        return replace(self._found(ip, wanted.key), answer=ip)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """It leads to its port; and its tags."""
        ip = found.answer or self._network.get_ip(found.id)
        port = known.attributes(wanted)["port"]
        if ip.port_id != port:
            self._may_take(ip, known)
            self._make_way(port, tell)
            # The description goes along: Neutron has been seen to drop what an update leaves out.
            own = ip.description if found.facts["foreign"] else self._description(wanted.key)
            self._network.update_ip(ip, port_id=port, description=own)
            ip = self._network.get_ip(found.id)
            if ip.port_id != port:
                raise SkytierError(
                    f"The floating IP {ip.floating_ip_address} leads to the port {ip.port_id} "
                    f"and not to {port}, where it was just set to lead.",
                    "Somebody else uses it. Find out who, and run skytier up again.",
                )
        if found.facts["foreign"]:
            return self._found(ip, found.key, foreign=True)
        return self._found(self._project.tagged(ip), found.key)

    def delete(self, found: Found, tell: Tell) -> None:
        """Give it back; the operator's own is only dissociated."""
        if found.facts["foreign"]:
            self._network.update_ip(found.id, port_id=None)
        else:
            self._network.delete_ip(found.id, ignore_missing=True)

    def _bring(self) -> Any:
        for ip in self._network.ips(project_id=self._project.id, floating_ip_address=self._address):
            return ip
        raise SkytierError(
            f"This project has no floating IP {self._address}.",
            "Set floating_ip in the stack file to one that it has (openstack floating ip list), "
            "or leave it out to have one allocated.",
        )

    def _own_ports(self) -> set[str]:
        marks = [self._project.mark, self._project.of_virtual_address]
        ports = self._network.ports(description=marks, project_id=self._project.id)
        return {port.id for port in ports}

    def _description(self, key: Key) -> str:
        return f"{self._project.mark} {key.name}"

    def _make_way(self, port: str, tell: Tell) -> None:
        """Take another floating IP of ours from a port: Neutron leads one to an address. It is
        deleted later."""
        for other in self._network.ips(port_id=port, project_id=self._project.id):
            if (other.description or "").partition(" ")[0] == self._project.mark:
                tell(f"taking {other.floating_ip_address} from there")
                self._network.update_ip(other, port_id=None, description=other.description)

    def _may_take(self, ip: Any, known: Known) -> None:
        # Neutron lets anybody in the project take an address that is in use, and says nothing.
        ours = {each.id for key, each in known.items() if key.kind in ("port", "virtual port")}
        if ip.port_id and ip.port_id not in ours:
            raise SkytierError(
                f"The floating IP {ip.floating_ip_address} leads to the port {ip.port_id}, which "
                "is not of this stack.",
                not_ours(ip.floating_ip_address),
            )

    def _found(self, ip: Any, key: Key, *, foreign: bool = False) -> Found:
        return Found(
            key,
            ip.id,
            {"port": ip.port_id, "tags": self._project.tags if foreign else own_tags(ip.tags)},
            {"address": ip.floating_ip_address, "foreign": foreign},
            created_at=ip.created_at or "",
        )


def not_ours(address: str) -> str:
    """What to do about one that leads to a port of others."""
    return (
        "Dissociate it first, if nobody needs it there: openstack floating ip unset --port "
        f"{address}"
    )
