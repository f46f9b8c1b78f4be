"""Private networks."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from skytier.deploy.kind import Found, Key, Known, Tell, Wanted
from skytier.openstack.resources.conflict import named
from skytier.openstack.resources.project import Project, own_tags


class Network:
    """`attributes`: tags."""

    name = "network"
    fixed: frozenset[str] = frozenset()

    def __init__(self, project: Project) -> None:
        self._project = project
        self._network = project.connection.network

    def find(self) -> Iterable[Found]:
        """Those with the mark as their description."""
        for network in self._network.networks(
            description=self._project.mark, project_id=self._project.id
        ):
            yield self._found(network)

    def create(self, wanted: Wanted, known: Known) -> Found:
        """The network, without a subnet yet."""
        network = self._network.create_network(name=wanted.key.name, description=self._project.mark)
        return replace(self._found(network), answer=network)

    def reconcile(self, wanted: Wanted, found: Found, known: Known, tell: Tell) -> Found:
        """Its tags."""
        network = found.answer or self._network.get_network(found.id)
        return self._found(self._project.tagged(network))

    def delete(self, found: Found, tell: Tell) -> None:
        """Its ports have to be gone before; those of DHCP go with it."""
        with named(self._project, found.key, network_id=found.id):
            self._network.delete_network(found.id, ignore_missing=True)

    def _found(self, network: Any) -> Found:
        return Found(
            Key(self.name, network.name),
            network.id,
            {"tags": own_tags(network.tags)},
            created_at=network.created_at or "",
        )
