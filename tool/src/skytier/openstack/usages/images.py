"""Images and snapshots of servers: what the project keeps in Glance."""

from datetime import datetime
from fractions import Fraction
from typing import Any

from openstack.connection import Connection

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.resources import glance
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import GB, Collected, Window, moment


def collect(connection: Connection, window: Window) -> Collected:
    """The project's own that are there now; those that others share with it are theirs."""
    mine = connection.current_project_id
    images = glance.images(connection, owner=mine)
    found = [usage(each, window.end) for each in images if each.owner_id == mine]
    return Collected(window.clip(found))


def usage(image: Any, end: datetime) -> Usage:
    """One of Glance's, with the size of what is stored; while it is uploaded, none."""
    # Nova gives a snapshot the metadata that it was asked to, as properties.
    whose = owner.of_metadata(image.properties or {}, image.name or "")
    return Usage(
        kind=ResourceKind.IMAGE,
        id=image.id,
        start=moment(image.created_at),
        end=end,
        name=image.name or "",
        stack=whose.stack,
        role=whose.role,
        labels=whose.labels,
        size_gb=Fraction(image.size or 0, GB),
    )
