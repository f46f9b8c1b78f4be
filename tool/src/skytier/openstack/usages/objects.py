"""Containers of objects, where the cloud has Swift."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from openstack.connection import Connection

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.resources.container import marks_of
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import GB, Collected, Window

SIZE_NOW = (
    "Swift tells only how much it keeps now: containers count as if they had been as large ever "
    "since they were created."
)


def collect(connection: Connection, window: Window) -> Collected:
    """Those of the project that are there now, with what is in them now."""
    swift = connection.object_store
    # Only a container's own answer says when it was created.
    whole = [swift.get_container_metadata(each.name) for each in swift.containers()]
    found = window.clip(usage(each, window.end) for each in whole)
    return Collected(found, [SIZE_NOW] if found else [])


def usage(container: Any, end: datetime) -> Usage:
    """One of Swift's, which has a name and no id."""
    # openstacksdk has the keys of the metadata in lower case.
    whose = owner.of_metadata(marks_of((container.metadata or {}).get("skytier", "")))
    return Usage(
        kind=ResourceKind.OBJECTS,
        id=container.name,
        start=datetime.fromtimestamp(int(float(container.timestamp)), UTC),
        end=end,
        name=container.name,
        stack=whose.stack,
        labels=whose.labels,
        size_gb=Fraction(int(container.bytes_used or 0), GB),
    )
