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

    The one of the entry point stays the same when another machine becomes the entry point. It is
    not exchanged for another one: visitors would come to neither for a while.
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

        That one is the stack's for as long as it leads to one of its ports. One that was brought
        along before, and leads to the entry point still, is a person's to take from there.
        """
        ips = list(self._network.ips(project_id=self._project.id))
        foreign = [ip for ip in ips if ip.port_id and self._mark_of(ip) != self._project.mark]
        ours = self._own_ports() if foreign or self._address else {}
        brought = [ip for ip in ips if ip.floating_ip_address == self._address]
        is_there = any(ip.port_id in ours for ip in brought)
        entries: list[Found] = []
        others: list[Found] = []
        for ip in ips:
            mark, _, name = (ip.description or "").partition(" ")
            if ip in brought:
                if is_there:
                    entries.append(self._found(ip, self._entry, foreign=True))
            elif mark == self._project.mark and name not in self._entry_points:
                others.append(self._found(ip, Key(self.name, name)))
            elif mark == self._project.mark and is_there:
                # Somebody led their own one to the entry point: this one is given back.
                others.append(self._found(ip, Key(self.name, ip.floating_ip_address)))
            elif mark == self._project.mark:
                entry = self._found(ip, self._entry)
                entries.append(self._not_exchanged(entry) if self._address else entry)
        if not entries:
            before = [ip for ip in foreign if ours.get(ip.port_id) in self._entry_points]
            entries = [
                self._not_exchanged(self._found(ip, self._entry, foreign=True)) for ip in before
            ]
        return [*entries, *others]

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
            ip = self._network.get_ip(found.id)
            self._network.update_ip(ip, port_id=None, description=ip.description)
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

    def _own_ports(self) -> dict[str, str]:
        """The name of each port of the stack that an address can lead to, by its id."""
        marks = [self._project.mark, self._project.of_virtual_address]
        ports = self._network.ports(description=marks, project_id=self._project.id)
        return {port.id: port.name for port in ports}

    def _mark_of(self, ip: Any) -> str:
        return str((ip.description or "").partition(" ")[0])

    def _not_exchanged(self, found: Found) -> Found:
        """An entry point's address that is not the one of the stack file."""
        address, port = found.facts["address"], found.attributes["port"] or self._entry.name
        whose = "which is your own" if found.facts["foreign"] else "which the stack allocated"
        wanted = f"floating_ip names {self._address}" if self._address else "floating_ip is not set"
        lead = f"openstack floating ip unset --port {address}"
        if self._address:
            lead += f"; openstack floating ip set --port {port} {self._address}"
        if found.facts["foreign"]:
            back, then = f'Set floating_ip = "{address}" in the stack file', ""
        else:
            back = "Leave floating_ip out of the stack file"
            then = f" skytier up then gives {address} back."
        return replace(
            found,
            fault=f"the entry point has the address {address}, {whose}, and in the stack file "
            f"{wanted}",
            by_hand=f"{back}. Or exchange the addresses, and run skytier up again: {lead}. From "
            f"then on no visitor comes in by {address}, so DNS names have to follow.{then}",
        )

    def _description(self, key: Key) -> str:
        return f"{self._project.mark} {key.name}"

    def _make_way(self, port: str, tell: Tell) -> None:
        """Take another floating IP of ours from a port: Neutron leads one to an address. It is
        deleted later."""
        for other in self._network.ips(port_id=port, project_id=self._project.id):
            if self._mark_of(other) == self._project.mark:
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
