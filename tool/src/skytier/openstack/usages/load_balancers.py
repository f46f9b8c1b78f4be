"""Load balancers, where the cloud has Octavia."""

from datetime import datetime
from typing import Any

from openstack.connection import Connection

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import Collected, Window, moment


def collect(connection: Connection, window: Window) -> Collected:
    """Those of the project that are there now."""
    mine = connection.current_project_id
    balancers = connection.load_balancer.load_balancers(project_id=mine)
    return Collected(window.clip(usage(each, window.end) for each in balancers))


def usage(balancer: Any, end: datetime) -> Usage:
    """One of Octavia's."""
    whose = owner.of_marks(
        [*(balancer.description or "").split(), *(balancer.tags or [])], balancer.name or ""
    )
    return Usage(
        kind=ResourceKind.LOAD_BALANCER,
        id=balancer.id,
        start=moment(balancer.created_at),
        end=end,
        name=balancer.name or "",
        stack=whose.stack,
        role=whose.role,
        labels=whose.labels,
    )
