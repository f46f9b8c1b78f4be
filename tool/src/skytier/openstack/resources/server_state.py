"""What each state that Nova gives a server means for `up`. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from skytier.moment import moment


@dataclass(frozen=True)
class State:
    """What is wrong with a server, and what is done about it. All is empty where nothing is.

    The fields are those of `Found`.
    """

    fault: str = ""
    mend: str = ""
    by_hand: str = ""
    drift: str = ""
    undo: str = ""


BEING_DELETED = "it is being deleted"
OFFLOADED = "SHELVED_OFFLOADED"
"""Shelved, and no host has it: its disk is an image, or its volumes."""
_SHELVED = State(drift="it is shelved", undo="it is unshelved")
BUILD_LIMIT = timedelta(hours=1)
"""Nova builds no server for that long; one that it forgot stays in BUILD for ever."""
TRANSIENT = frozenset(
    {
        *("BUILD", "REBOOT", "HARD_REBOOT", "RESIZE", "REVERT_RESIZE"),
        *("MIGRATING", "REBUILD", "PASSWORD"),
    }
)
"""States that end by themselves."""
ASLEEP = {
    "PAUSED": ("unpause_server", State(drift="it is paused", undo="it is unpaused")),
    "SUSPENDED": ("resume_server", State(drift="it is suspended", undo="it is resumed")),
    "SHELVED": ("unshelve_server", _SHELVED),
    OFFLOADED: ("unshelve_server", _SHELVED),
}
"""States in which a server keeps its disk and does not run: the call that ends each, and what it
means."""


def state_of(
    server_id: str,
    status: str,
    now: datetime,
    *,
    task: str | None = None,
    created_at: str | None = None,
    launched_at: str | None = None,
    reason: str = "Nova gives no reason",
) -> State:
    """What a state means. `reason` is Nova's for ERROR; the times are Nova's, in UTC."""
    if task == "deleting":
        return State(BEING_DELETED)
    match status:
        case "ERROR":
            return State(f"it is in ERROR: {reason}", mend="hard reboot" if launched_at else "")
        case "BUILD" if not launched_at and _since(created_at, now) > BUILD_LIMIT:
            return State(f"Nova has been building it since {created_at}, and it never ran")
        case "SHUTOFF":
            return State(drift="it is off", undo="it is started")
        case "RESCUE":
            return State(
                "it is in rescue mode, so somebody may be working on its disk",
                by_hand="Once that is done: openstack server unrescue "
                f"{server_id}. Then run skytier up again.",
            )
        case _ if status in ASLEEP:
            return ASLEEP[status][1]
        case _ if status in TRANSIENT:
            return State(drift=f"it is in {status}", undo="it is waited for")
        case "VERIFY_RESIZE":
            return State(drift="its resize was not finished", undo="it is finished")
        case "ACTIVE":
            return State()
    return State(
        f"it is in {status or 'no state that Nova names'}",
        by_hand=f"See what holds it: openstack server show {server_id}. Then run skytier up again.",
    )


def _since(created_at: str | None, now: datetime) -> timedelta:
    return now - moment(created_at) if created_at else timedelta()
