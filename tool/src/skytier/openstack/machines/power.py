"""Whether a machine is off, as Nova says, and powering it off.

What Nova cannot know is not guessed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from openstack import exceptions, utils

from skytier.errors import SkytierError
from skytier.openstack.resources.errors import API_ERRORS, explained
from skytier.openstack.resources.project import STACK as MARK
from skytier.openstack.resources.project import Project, marks
from skytier.openstack.resources.waiting import POLL_S
from skytier.poll import until

OFF_WITHIN_S = 300.0
"""Nova lets a guest shut down by itself for a minute, or for as long as its image says."""
_SHUTDOWN, _CRASHED = 4, 6
"""Nova's power states of a guest that does not run: the hypervisor has been asked."""
_RESTS = frozenset({"SHUTOFF", "ERROR", "SHELVED"})
_CAN_BE_STOPPED = frozenset({"ACTIVE", "ERROR"})
_HOST_IS_AWAY = frozenset({"DOWN", "UNKNOWN"})
_DELETED_SINCE = timedelta(days=1)
_TERMINATED = "compute_terminate_instance"
"""The event of a deletion that the compute host itself carried out."""
_WITH_EVENTS = "2.58"
"""Since when a project may see the events of an action, also of a deleted server."""


class Power(StrEnum):
    """What can be said of a machine."""

    OFF = "off"
    RUNS = "runs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Told:
    """What Nova says."""

    power: Power
    why: str
    """Of UNKNOWN: what keeps Nova from knowing. Else how it is."""


def judged(status: str, power_state: int | None, task: str | None, host_status: str | None) -> Told:
    """What Nova's fields of a server mean.

    `host_status` is that of the compute host, which most clouds show to administrators alone; None
    where it is not shown. A host that does not report to Nova may run the machine all the same.
    """
    if host_status in _HOST_IS_AWAY:
        return Told(Power.UNKNOWN, f"its compute host does not report to Nova ({host_status})")
    if task:
        return Told(Power.RUNS, f"Nova is working on it: {task}")
    if status in _RESTS and power_state in (_SHUTDOWN, _CRASHED):
        return Told(Power.OFF, f"it is {status}, and its power is off")
    if status in _CAN_BE_STOPPED:
        return Told(Power.RUNS, f"it is {status}")
    return Told(Power.UNKNOWN, f"it is {status}, with the power state {power_state}")


def judged_deleted(events: list[dict[str, Any]]) -> Told:
    """What the events of the deletion of a server mean.

    Nova also deletes a server whose compute host is away; then that host may run it all the same.
    """
    if any(each["event"] == _TERMINATED and each["result"] == "Success" for each in events):
        return Told(Power.OFF, "it was deleted, and its compute host said so")
    return Told(Power.UNKNOWN, "it was deleted, and its compute host has not said so")


def power_of(project: Project, name: str) -> Told:
    """What Nova says of the machine of a stack. Raises SkytierError when it does not answer."""
    try:
        found = _servers(project, name)
        if not found:
            return _deleted(project, name)
    except API_ERRORS as error:
        raise explained(f"Nova could not be asked for the server {name}", error) from error
    if len(found) > 1:
        return Told(Power.UNKNOWN, f"there are {len(found)} servers of that name")
    [server] = found
    return judged(server.status, server.power_state, server.task_state, server.host_status)


def power_off(project: Project, name: str) -> None:
    """Have Nova stop a machine, until it says that it is off. Raises SkytierError."""
    told = power_of(project, name)
    if told.power is Power.OFF:
        return
    if told.power is Power.UNKNOWN:
        raise cannot_know(name, told)
    try:
        for server in _servers(project, name):
            if not server.task_state:
                project.connection.compute.stop_server(server)
    except API_ERRORS as error:
        raise explained(f"The server {name} could not be powered off", error) from error
    if not until(lambda: power_of(project, name).power is not Power.RUNS, OFF_WITHIN_S, POLL_S):
        raise SkytierError(
            f"Nova has been told to power {name} off, and does not say within {OFF_WITHIN_S:.0f} s "
            "that it is. Its compute host may be away; it is powered off once that is back.",
            _WAIT.format(name),
        )
    told = power_of(project, name)
    if told.power is not Power.OFF:
        raise cannot_know(name, told)


_WAIT = (
    "Its lease was not ended, since it may take writes. If it does not run, the lease ends by "
    "itself within half a minute, and another member takes over: skytier database. If it renews "
    "the lease: ask the cloud's operator to power {0} off, or to repair its compute host."
)


def cannot_know(name: str, told: Told) -> SkytierError:
    """The error where Nova cannot say whether a machine is off."""
    return SkytierError(f"Nova does not say that {name} is off: {told.why}.", _WAIT.format(name))


def _servers(project: Project, name: str) -> list[Any]:
    """Those of that name with the stack's mark."""
    return [each for each in project.servers() if each.name == name]


def _deleted(project: Project, name: str) -> Told:
    compute = project.connection.compute
    since = f"{datetime.now(UTC) - _DELETED_SINCE:%Y-%m-%dT%H:%M:%SZ}"
    found = [
        each
        for each in compute.servers(details=True, changes_since=since)
        if each.name == name and each.project_id == project.id and each.status == "DELETED"
        # Nova forgets the metadata of what is deleted, and keeps the description.
        if marks((each.description or "").split(",")).get(MARK) == project.stack
    ]
    if not found:
        return Told(Power.UNKNOWN, "Nova has no such server, and none that was deleted today")
    newest = max(found, key=lambda each: each.updated_at or "")
    actions = _get(compute, f"/servers/{newest.id}/os-instance-actions")["instanceActions"]
    ends = [each for each in actions if each["action"] in ("delete", "forceDelete")]
    events: list[dict[str, Any]] = []
    for each in ends:
        path = f"/servers/{newest.id}/os-instance-actions/{each['request_id']}"
        events += _get(compute, path)["instanceAction"].get("events", [])
    return judged_deleted(events)


def _get(compute: Any, path: str) -> Any:
    version = utils.maximum_supported_microversion(compute, _WITH_EVENTS)
    response = compute.get(path, microversion=version)
    exceptions.raise_from_response(response)
    return response.json()
