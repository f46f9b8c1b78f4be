"""What costs money, and what was used of it: stretches of time in which it was the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class ResourceKind(StrEnum):
    """What costs money somewhere."""

    SERVER = "server"
    VOLUME = "volume"
    SNAPSHOT = "volume snapshot"
    IMAGE = "image"
    """Images of the project and snapshots of its servers: what Glance keeps."""
    OBJECTS = "object storage"
    FLOATING_IP = "floating IP"
    LOAD_BALANCER = "load balancer"
    TRAFFIC = "traffic"
    """What goes out. Of a stretch it is spread evenly over the days; tiers count it at its end."""
    OTHER = "other"
    """What only the cloud's own rating knows of. No rate of ours is about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that costs money, and what its price goes by."""

    kind: ResourceKind
    id: str = ""
    """The resource's id in the cloud; what has none is named for what it is about."""
    name: str = ""
    stack: str = ""
    """The stack whose mark it carries; empty for what no stack made."""
    role: str = ""
    """`web`, `database`"""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    flavor: str = ""
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: int = 0
    size_gb: Fraction | int = 0
    """Of volumes, snapshots, images and objects, in OpenStack's GB of 2^30 bytes."""
    volume_type: str = ""
    share: Fraction = Fraction(1)
    """Of the hours of an average week, those in which it is there. For what would be."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Resource):
    """A resource from a moment to another, between which nothing about it changed.

    A resize, a stop or a shelving ends one and begins the next. Several of one id follow each
    other, and never overlap.
    """

    start: datetime
    """Aware, in UTC; parts of a second do not count."""
    end: datetime
    """The first moment that does not count any more."""
    state: str = "active"
    """Of a server, as Nova's vm_state: `active`, `stopped`, `shelved_offloaded`."""
    bytes_out: int = 0
    """Of traffic."""


def used(resource: Resource, start: datetime, end: datetime) -> Usage:
    """A resource that was there for a time, and active."""
    same = {each.name: getattr(resource, each.name) for each in fields(Resource)}
    return Usage(**same, start=start, end=end)
