"""What the cloud itself measures of a stack's servers: Nova's diagnostics, Gnocchi's measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import HttpException

from skytier.cloud.catalog import services
from skytier.cloud.stack import CloudStack
from skytier.resources.errors import API_ERRORS, explained
from skytier.resources.kind import Found
from skytier.resources.server import Server

GNOCCHI = "metric"
REFUSED = (
    "The cloud tells diagnostics to administrators only, as Nova does at first (the policy "
    "os_compute_api:os-server-diagnostics)."
)
NO_GNOCCHI = "The cloud's catalog has no Gnocchi (a service of the type metric)."
_COUNTERS = ("cpu_details", "nic_details", "disk_details")


@dataclass(frozen=True)
class OwnFigures:
    """Server to figures, by each service; and why there are none."""

    diagnostics: Mapping[str, Mapping[str, Any]]
    """As Nova gives them since 2.48: uptime in seconds, memory in MiB, counters of CPU (ns), disks
    and network cards."""
    measures: Mapping[str, Mapping[str, float]]
    """Gnocchi's metrics with their newest mean."""
    notes: Sequence[str]


def ask(stack: CloudStack) -> OwnFigures:
    """Ask for all servers. Raises SkytierError when the cloud cannot be asked at all."""
    connection = stack.connection
    notes: list[str] = []
    try:
        servers = list(stack.kinds[Server.name].find())
        diagnostics = _diagnostics(connection, servers, notes)
        measures = {}
        if GNOCCHI in services(connection):
            measures = {each.key.name: _measures(connection, each.id) for each in servers}
        else:
            notes.append(NO_GNOCCHI)
    except API_ERRORS as error:
        raise explained("The servers' figures could not be asked for", error) from error
    return OwnFigures(diagnostics, measures, notes)


def _diagnostics(
    connection: Connection, servers: Sequence[Found], notes: list[str]
) -> dict[str, dict[str, Any]]:
    found = {}
    for server in servers:
        try:
            told = connection.compute.get_server_diagnostics(server.id)
        except HttpException as error:
            if error.status_code == 403:
                notes.append(REFUSED)
                break
            if error.status_code not in (409, 501):  # it is shut off; the driver cannot tell
                raise
            notes.append(f"{server.key.name}: {error.details or error.message}")
            continue
        memory = told.memory_details or {}
        found[server.key.name] = {
            "state": told.state,
            "uptime_s": told.uptime,
            "memory_mib": memory.get("maximum"),
            "memory_used_mib": memory.get("used"),
            **{name: getattr(told, name) for name in _COUNTERS},
        }
    return found


def _measures(connection: Connection, server_id: str) -> dict[str, float]:
    endpoint = {"service_type": GNOCCHI}
    answer = connection.session.get(
        f"/v1/resource/instance/{server_id}", endpoint_filter=endpoint, raise_exc=False
    )
    if answer.status_code == 404:  # it is not measured yet
        return {}
    answer.raise_for_status()
    found = {}
    for name, metric_id in answer.json()["metrics"].items():
        path = f"/v1/metric/{metric_id}/measures?aggregation=mean&start=-1%20hour"
        measured = connection.session.get(path, endpoint_filter=endpoint).json()
        if measured:
            found[name] = float(measured[-1][2])  # time, granularity, value
    return found
