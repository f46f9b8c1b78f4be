"""Floating IPs: from their allocation on, used or not."""

from datetime import datetime
from typing import Any

from openstack.connection import Connection

from skytier.costs.usage import ResourceKind, Usage
from skytier.openstack.usages import owner
from skytier.openstack.usages.collected import Collected, Window, moment

AGELESS = (
    "The cloud does not tell since when its floating IPs are allocated: they count for the whole "
    "time."
)


def collect(connection: Connection, window: Window) -> Collected:
    """Those of the project that are allocated now."""
    ips = list(connection.network.ips(project_id=connection.current_project_id))
    ageless = any(not ip.created_at for ip in ips)
    found = window.clip(usage(ip, window.start, window.end) for ip in ips)
    return Collected(found, [AGELESS] if ageless else [])


def usage(ip: Any, start: datetime, end: datetime) -> Usage:
    """One of Neutron's; `start` is for where nobody knows when it was allocated."""
    # Its description is the stack's mark and the name of the machine that it leads to.
    mark, _, name = (ip.description or "").partition(" ")
    whose = owner.of_marks([mark, *(ip.tags or [])], name)
    return Usage(
        kind=ResourceKind.FLOATING_IP,
        id=ip.id,
        start=moment(ip.created_at) if ip.created_at else start,
        end=end,
        name=name if whose.stack else ip.floating_ip_address,
        stack=whose.stack,
        role=whose.role,
        labels=whose.labels,
    )
