"""The stack as a picture needs it: tiers of machines, what runs on them, and who asks whom."""

from collections.abc import Iterator, Sequence
from typing import Any

from skytier.status import MachineStatus, Status

PARTS = {
    "haproxy": "HAProxy",
    "octavia": "Octavia",
    "nginx": "Nginx",
    "application": "Application",
    "postgresql": "PostgreSQL",
    "redis": "Redis",
}
"""What is drawn, in the order in which a request comes to it. Other checks are in the table."""
OF_A_MONITOR = {"prometheus": "Prometheus"}
"""Drawn on a machine of its own: elsewhere it is a guest, and the application is what matters."""
TIERS = ("balancer", "web", "cache", "database", "monitor")
"""Machines of a cache stand in the tier of the databases; unknown kinds come last."""


def topology(status: Status) -> dict[str, Any]:
    """`machines` by tier, each with the `parts` that are drawn and the `others`; `edges`."""
    machines = sorted(status.machines, key=lambda machine: (_tier(machine.role), machine.name))
    return {
        "name": status.name,
        "cloud": status.cloud,
        "url": status.url,
        "healthy": status.healthy,
        "machines": [_machine(machine) for machine in machines],
        "edges": [
            {"from": start, "to": end, "what": what} for start, end, what in _edges(machines)
        ],
    }


def _machine(machine: MachineStatus) -> dict[str, Any]:
    drawn = OF_A_MONITOR if machine.role == "monitor" else PARTS
    services = [
        {
            "name": service.name,
            "title": drawn.get(service.name, service.name),
            "running": service.running,
            "detail": service.detail,
        }
        for service in machine.services
    ]
    order = list(drawn)
    parts = [service for service in services if service["name"] in drawn]
    return {
        "name": machine.name,
        "role": machine.role,
        "tier": _tier(machine.role),
        "healthy": machine.healthy,
        "release": machine.release,
        "parts": sorted(parts, key=lambda part: order.index(str(part["name"]))),
        "others": [service for service in services if service["name"] not in drawn],
    }


def _tier(role: str) -> int:
    if role not in TIERS:
        return len(TIERS)
    return TIERS.index("database" if role == "cache" else role)


def _edges(machines: Sequence[MachineStatus]) -> Iterator[tuple[str, str, str]]:
    """From whom to whom, and what goes that way."""
    balancers = [*_having(machines, "haproxy"), *_having(machines, "octavia")]
    proxies = _having(machines, "nginx")
    applications = _having(machines, "application")
    doors = balancers or proxies or applications
    yield from (("clients", door, "requests") for door in doors)
    behind = proxies or applications
    yield from ((door, place, "requests") for door in balancers for place in behind)
    for proxy in proxies:
        machine = proxy.partition("/")[0]
        yield from ((proxy, a, "requests") for a in applications if a.startswith(f"{machine}/"))
    databases = _having(machines, "postgresql")
    yield from ((a, database, "queries") for a in applications for database in databases[:1])
    yield from ((databases[0], replica, "replication") for replica in databases[1:])
    caches = _having(machines, "redis")
    yield from ((a, redis, "cache") for a in applications for redis in caches[:1])
    yield from ((caches[0], replica, "replication") for replica in caches[1:])


def _having(machines: Sequence[MachineStatus], service: str, role: str | None = None) -> list[str]:
    """`machine/service` of the machines that have it."""
    return [
        f"{machine.name}/{service}"
        for machine in machines
        if role in (None, machine.role) and any(s.name == service for s in machine.services)
    ]
