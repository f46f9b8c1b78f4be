"""Security groups and their rules."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.conflict import named
from skytier.openstack.resources.project import Project, own_tags
from skytier.topology import ANYWHERE, ANYWHERE_IPV6, VRRP

_VRRP = (VRRP, "112")
"""Neutron takes a protocol by its name or its number, and keeps what it was given."""


class SecurityGroup:
    """`attributes`: tags; rules, each `[port, remote]` of incoming TCP, or `["vrrp", remote]`.

    `remote` is a network, whose version is that of the rule, or the Key of a group, by IPv4. Rules
    change in place: a group in use cannot be deleted, and what runs behind it goes on.
    """

    name = "security group"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network

    def find(self) -> Iterable[Found]:
        """Those with the mark as their description."""
        for group in self._network.security_groups(
            description=self._project.mark, project_id=self._project.id
        ):
            yield self._found(group, map(_rule, _incoming(group)))

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The group, which lets nothing in yet."""
        group = self._network.create_security_group(
            name=wanted.key.name, description=self._project.mark
        )
        return replace(self._found(group, []), answer=group)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its rules and tags."""
        group = found.answer or self._network.get_security_group(found.id)
        rules = {_rule(rule): rule["id"] for rule in _incoming(group)}
        missing = {
            # Its own machines may be among those that come; it is not known while it is made.
            (port, found.id if remote == wanted.key else known.resolve(remote))
            for port, remote in wanted.attributes["rules"]
        }
        new = [
            _body(group.id, port, remote)
            for port, remote in sorted(missing - rules.keys(), key=str)
        ]
        if new:
            self._network.create_security_group_rules(new)
        for rule in rules.keys() - missing:
            self._network.delete_security_group_rule(rules[rule], ignore_missing=True)
        return self._found(self._project.tagged(group), missing)

    def delete(self, found: Found, tell: Tell) -> None:
        """Ports that it guards have to be gone before."""
        with named(self._project, found.key, security_groups=[found.id]):
            self._network.delete_security_group(found.id, ignore_missing=True)

    def _found(self, group: Any, rules: Iterable[Sequence[Any]]) -> Found:
        return Found(
            Key(self.name, group.name),
            group.id,
            {"rules": sorted(map(list, rules), key=str), "tags": own_tags(group.tags)},
            created_at=group.created_at or "",
        )


def _incoming(group: Any) -> list[dict[str, Any]]:
    return [rule for rule in group.security_group_rules or [] if rule["direction"] == "ingress"]


def _rule(rule: dict[str, Any]) -> tuple[Any, str]:
    """What tells rules apart; one that we would not make looks like no wanted one."""
    low, high, version = rule["port_range_min"], rule["port_range_max"], rule["ethertype"]
    group, of_ipv4 = rule["remote_group_id"], version == "IPv4"
    ours = rule["protocol"] == "tcp" and low == high and (of_ipv4 or not group)
    port = low if ours else f"{version} {rule['protocol'] or 'any'} {low}-{high}"
    if rule["protocol"] in _VRRP and of_ipv4 and low is None and high is None:
        port = VRRP
    return port, group or rule["remote_ip_prefix"] or (ANYWHERE if of_ipv4 else ANYWHERE_IPV6)


def _body(group_id: str, port: int | str, remote: str) -> dict[str, Any]:
    # A network has a slash, and of IPv6 a colon; an id has neither.
    source = {"remote_ip_prefix": remote} if "/" in remote else {"remote_group_id": remote}
    return {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": "IPv6" if ":" in remote else "IPv4",
        **(
            {"protocol": VRRP}
            if port == VRRP
            else {"protocol": "tcp", "port_range_min": port, "port_range_max": port}
        ),
        **source,
    }
