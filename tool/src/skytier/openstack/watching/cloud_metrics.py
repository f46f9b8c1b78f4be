"""What the cloud itself measures of a stack's servers: Nova's diagnostics, Gnocchi's measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keystoneauth1.exceptions import ClientException
from openstack.connection import Connection
from openstack.exceptions import HttpException
from requests import HTTPError

from skytier.deploy.kind import Found
from skytier.openstack.catalog import services
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.server import Server
from skytier.openstack.stack import CloudStack

GNOCCHI = "metric"
REFUSED = (
    "The cloud tells diagnostics to administrators only, as Nova does at first (the policy "
    "os_compute_api:os-server-diagnostics)."
)
NO_GNOCCHI = "The cloud's catalog has no Gnocchi (a service of the type metric)."
_COUNTERS = ("cpu_details", "nic_details", "disk_details")
_OF_SERVERS = {
    "instance": "id",
    "instance_disk": "instance_id",
    "instance_network_interface": "instance_id",
}
"""Ceilometer's types of resources, each with what holds the server's id."""


@dataclass(frozen=True)
class OwnFigures:
    """Server to figures, by each service; and why there are none."""

    diagnostics: Mapping[str, Mapping[str, Any]]
    """As Nova gives them since 2.48: uptime in seconds, memory in MiB, counters of CPU (ns), disks
    and network cards."""
    measures: Mapping[str, Mapping[str, float]]
    """Gnocchi's metrics with their newest mean, in Ceilometer's units: `cpu` in ns since the start,
    `memory.usage` in MB; `network.incoming.bytes tap0a` of one of the server's devices."""
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
            measures = _all_measures(connection, servers, notes)
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


def _all_measures(
    connection: Connection, servers: Sequence[Found], notes: list[str]
) -> dict[str, dict[str, float]]:
    try:
        return {each.key.name: _measures(connection, each.id) for each in servers}
    except (HTTPError, ClientException) as error:
        notes.append(f"Gnocchi could not be asked: {error}")
        return {}


def _measures(connection: Connection, server_id: str) -> dict[str, float]:
    endpoint = {"service_type": GNOCCHI}
    found = {}
    for kind, holder in _OF_SERVERS.items():
        answer = connection.session.post(
            f"/v1/search/resource/{kind}",
            json={"=": {holder: server_id}},
            endpoint_filter=endpoint,
            raise_exc=False,
        )
        if answer.status_code in (400, 404):  # nothing of this kind was ever measured there
            continue
        answer.raise_for_status()
        for resource in answer.json():
            device = f" {resource['name']}" if resource.get("name") else ""
            for name, metric_id in resource["metrics"].items():
                path = f"/v1/metric/{metric_id}/measures?aggregation=mean&start=-1%20hour"
                measured = connection.session.get(path, endpoint_filter=endpoint).json()
                if measured:
                    found[f"{name}{device}"] = float(measured[-1][2])  # time, granularity, value
    return found
