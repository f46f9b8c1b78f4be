"""A stack's place in a cloud, and the mark that says what is its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from openstack.connection import Connection

PREFIX = "skytier:"
STACK, ROLE = f"{PREFIX}stack", f"{PREFIX}role"
LONGEST_DESCRIPTION = 255
VIRTUAL = "virtual address"
"""How the description of the port of a virtual address ends."""


@dataclass(frozen=True)
class Project:
    """One stack in one project.

    The mark is in the body of the call that creates a resource: the description of what Neutron
    keeps, the metadata of servers and volumes, the comment of a key. Tags come second.
    """

    connection: Connection
    stack: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """The project's id. An administrator sees other projects too, so every list is narrowed."""
        return str(self.connection.current_project_id)

    @property
    def mark(self) -> str:
        """`skytier:stack=shop`: description, comment and tag."""
        return f"{STACK}={self.stack}"

    @property
    def on_router(self) -> str:
        """The description of its interface on a router of others, which is no port of a machine."""
        return f"{self.mark} router interface"

    @property
    def on_public_network(self) -> str:
        """The description of a port on a public network, beside the machine's private one."""
        return f"{self.mark} public port"

    @property
    def of_virtual_address(self) -> str:
        """The description of the port that holds a virtual address, which no machine has."""
        return f"{self.mark} {VIRTUAL}"

    @property
    def tags(self) -> list[str]:
        """The mark and the labels, sorted: `skytier:label:team=web`."""
        return sorted([self.mark, *(f"{PREFIX}label:{k}={v}" for k, v in self.labels.items())])

    @property
    def metadata(self) -> dict[str, str]:
        """The same for what has metadata."""
        return dict(tag.split("=", 1) for tag in self.tags)

    def told(self, **facts: str) -> str:
        """The mark, facts such as `role`, and the labels: for a server's description.

        It outlives the server: Nova forgets the metadata and the tags of what is deleted, and a
        bill has to know them. Its 255 characters hold as many whole labels as fit.
        """
        told = ",".join([self.mark, *(f"{PREFIX}{fact}={value}" for fact, value in facts.items())])
        for tag in self.tags:
            if tag != self.mark and len(told) + len(tag) < LONGEST_DESCRIPTION:
                told += f",{tag}"
        return told

    def owns(self, metadata: Mapping[str, Any]) -> bool:
        """Whether metadata carries the mark."""
        return metadata.get(STACK) == self.stack

    def servers(self) -> list[Any]:
        """All servers with the mark, by one list of Nova's."""
        listed = self.connection.compute.servers(details=True)
        return [each for each in listed if each.project_id == self.id and self.owns(each.metadata)]

    def ports(self) -> list[Any]:
        """All ports with the mark, by one list of Neutron's."""
        marked = [self.mark, self.on_router, self.on_public_network, self.of_virtual_address]
        return list(self.connection.network.ports(description=marked, project_id=self.id))

    def tagged(self, resource: Any) -> Any:
        """A network resource whose tags of ours are as wanted; others' tags stay."""
        if own_tags(resource.tags) == self.tags:
            return resource
        foreign = [tag for tag in resource.tags or [] if not tag.startswith(PREFIX)]
        return self.connection.network.set_tags(resource, [*foreign, *self.tags])


def own_tags(tags: Iterable[str] | None) -> list[str]:
    """The tags that are ours to set, sorted."""
    return sorted(tag for tag in tags or [] if tag.startswith(PREFIX))


def marks(tags: Iterable[str]) -> dict[str, str]:
    """The tags, or the parts of a description, that are ours, as metadata.

    >>> marks("skytier:stack=shop,skytier:role=web,other".split(","))
    {'skytier:stack': 'shop', 'skytier:role': 'web'}
    """
    return dict(tag.split("=", 1) for tag in tags if tag.startswith(PREFIX) and "=" in tag)
