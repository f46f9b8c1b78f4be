"""Taking a server out of ERROR without losing what is on its disk."""

from typing import Any

from openstack.exceptions import ConflictException, ForbiddenException

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.openstack.resources.waiting import ACTIVE_TIMEOUT_S, wait_for


def mended(compute: Any, server: Any, tell: Tell) -> Any:
    """The server after a hard reboot, if it is in ERROR and ever ran; else as it is.

    Nova takes no reboot while a task of its own hangs: then the state is reset before. Raises
    SkytierError when that is not allowed, or does not help.
    """
    if server.status != "ERROR" or not server.launched_at:
        return server
    tell("hard reboot")
    try:
        compute.reboot_server(server, "HARD")
    except ConflictException:
        _reset(compute, server)
        compute.reboot_server(server, "HARD")

    def ask() -> Any:
        now = compute.get_server(server.id)
        tell((now.task_state or now.status).lower())
        return None if now.task_state else now

    now = wait_for(
        f"The hard reboot of the server {server.name} did not end",
        ask,
        ACTIVE_TIMEOUT_S,
        f"See what holds it: openstack server show {server.id}",
    )
    if now.status == "ERROR":
        raise SkytierError(
            f"A hard reboot did not repair the server {server.name}: {fault_of(now)}",
            "Its disk is as it was. The cloud's operator can see what is wrong with its host: "
            f"openstack server show {server.id}. Then run skytier up again. If nobody can repair "
            "it: docs/how-to/repair.md#a-server-that-cannot-be-repaired.",
        )
    return now


def fault_of(server: Any) -> str:
    """Why Nova says that a server is in ERROR."""
    fault = server.fault or {}
    return str(fault.get("message") or "Nova gives no reason")


def _reset(compute: Any, server: Any) -> None:
    try:
        compute.reset_server_state(server, "active")
    except ForbiddenException as error:
        raise SkytierError(
            f"The server {server.name} is in ERROR, and Nova takes no reboot of it as it is: "
            f"{fault_of(server)}",
            "Its disk is as it was. Ask the cloud's operator to reset its state: openstack "
            f"server set --state active {server.id}. Then run skytier up again.",
        ) from error
