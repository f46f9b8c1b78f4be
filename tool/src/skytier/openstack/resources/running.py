"""Bringing a server to a state and waiting for it, as long as that is not in vain."""

from collections.abc import Callable, Collection
from typing import Any

from openstack.exceptions import NotFoundException

from skytier.deploy.kind import Tell
from skytier.errors import SkytierError
from skytier.openstack.resources.mending import fault_of
from skytier.openstack.resources.server_state import ASLEEP, TRANSIENT
from skytier.openstack.resources.waiting import ACTIVE_TIMEOUT_S, wait_for

GIVEN_UP_AFTER = 5
"""Looks that show no task and the state of before: then Nova gave the call up."""


def get(compute: Any, server_id: str) -> Any:
    """The server, or None where there is none."""
    try:
        return compute.get_server(server_id)
    except NotFoundException:
        return None


def at_rest(compute: Any, server: Any, tell: Tell) -> Any:
    """The server, once it is in a state that lasts. Raises SkytierError when that is ERROR."""
    _refuse_broken(server)
    return become(compute, None, server, tell) if server.status in TRANSIENT else server


def awake(compute: Any, server: Any, tell: Tell) -> Any:
    """The server, running, if it was paused, suspended or shelved; else as it is."""
    if server.status not in ASLEEP:
        return server
    if server.task_state:  # Nova is just about to put it to sleep, or to wake it
        server = become(compute, None, server, tell)
    if server.status in ASLEEP:
        call, state = ASLEEP[server.status]
        server = started(compute, server, call, state.undo, tell)
    return server


def started(compute: Any, server: Any, call: str, does: str, tell: Tell) -> Any:
    """The server, ACTIVE by a call of the compute service. `does`: "it is started".

    Nova answers before it does what it was asked for. Where it cannot (no host has the room, say),
    it ends its task and leaves the server in the state that it had, without a fault. Raises
    SkytierError then, and does not wait for what does not come.
    """
    before, idle = server.status, 0
    tell(does.removeprefix("it is "))
    getattr(compute, call)(server)

    def refuse(now: Any) -> None:
        nonlocal idle
        idle = idle + 1 if now.status == before and not now.task_state else 0
        if idle >= GIVEN_UP_AFTER:
            raise SkytierError(
                f"Nova gave up: the server {server.name} is in {before} as before. What was asked "
                f"for: {does}.",
                "Its disk is as it was. See which part of it failed: openstack server event list "
                f"{server.id}. Often no host has the room. Then run skytier up again.",
            )

    return become(compute, ["ACTIVE"], server, tell, refuse)


def become(
    compute: Any,
    statuses: Collection[str] | None,
    server: Any,
    tell: Tell,
    refuse: Callable[[Any], None] = lambda now: None,
) -> Any:
    """The server when it has one of these states, or any that lasts. Raises with Nova's fault.

    `refuse` gets the server at each look, and raises where to wait is in vain.
    """

    def ask() -> Any:
        now = get(compute, server.id)
        if now is None:
            raise SkytierError(
                f"The server {server.name} was deleted by somebody else while this waited for it.",
                "Run skytier up again.",
            )
        tell((now.task_state or now.status).lower())
        _refuse_broken(now)
        refuse(now)
        done = now.status in statuses if statuses else now.status not in TRANSIENT
        if statuses is None and now.status in ASLEEP:
            done = not now.task_state
        return now if done else None

    return wait_for(
        f"The server {server.name} did not become {' or '.join(statuses or ['ACTIVE'])}",
        ask,
        ACTIVE_TIMEOUT_S,
        "Run skytier up again to go on waiting, or see openstack server event list.",
    )


def _refuse_broken(server: Any) -> None:
    if server.status == "ERROR":
        then = "repairs it, or replaces it if it holds no data"
        raise SkytierError(
            f"The server {server.name} went into ERROR: {fault_of(server)}",
            f"Find the cause: openstack server event list {server.id}. Then run skytier up again: "
            f"it {then if server.launched_at else 'replaces it, since it never ran'}.",
        )
