"""Volumes and their snapshots, where the cloud has Cinder."""

from datetime import datetime
from typing import Any

from openstack.connection import Connection

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import Collected, Window, moment


def collect(connection: Connection, window: Window) -> Collected:
    """Those of the project that are there now, with the size that they have now."""
    cinder, end = connection.block_storage, window.end
    return Collected(
        window.clip(
            [
                *(usage(ResourceKind.VOLUME, each, end) for each in cinder.volumes(details=True)),
                *(
                    usage(ResourceKind.SNAPSHOT, each, end)
                    for each in cinder.snapshots(details=True)
                ),
            ]
        )
    )


def usage(kind: ResourceKind, made: Any, end: datetime) -> Usage:
    """One of Cinder's, a volume or a snapshot. Its size is in GB of 2^30 bytes."""
    whose = owner.of_metadata(made.metadata or {}, made.name or "")
    return Usage(
        kind=kind,
        id=made.id,
        start=moment(made.created_at),
        end=end,
        name=made.name or "",
        stack=whose.stack,
        role=whose.role,
        labels=whose.labels,
        size_gb=made.size or 0,
        volume_type=(made.volume_type or "") if kind is ResourceKind.VOLUME else "",
    )
