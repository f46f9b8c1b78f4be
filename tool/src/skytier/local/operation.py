"""What a step does to a service, as people say it: start, restart, reload."""

from enum import StrEnum

from skytier.deploy.plan import Action, Change, Step
from skytier.files import HASH
from skytier.local.application import Application
from skytier.local.monitor.kind import Monitor
from skytier.local.nginx import Nginx, reloadable
from skytier.local.postgresql import Postgresql


class Operation(StrEnum):
    """The word for it."""

    KEEP = "keep"
    CREATE = "create"
    START = "start"
    RESTART = "restart"
    RELOAD = "reload"
    RUN = "run"
    STOP = "stop"
    DELETE = "delete"


_PROCESSES = (Postgresql.name, Application.name, Nginx.name, Monitor.name)


def operation(step: Step) -> Operation:
    """The word for a step."""
    if step.action is Action.KEEP:
        return Operation.KEEP
    if step.key.kind not in _PROCESSES:
        return Operation.DELETE if step.action is Action.DELETE else Operation.RUN
    if step.action is Action.DELETE:
        return Operation.STOP
    if step.found is None and step.key.kind == Postgresql.name:
        return Operation.CREATE
    if step.found is None or not step.found.id:
        return Operation.START
    changed = [change.attribute for change in step.changes]
    if step.key.kind == Nginx.name and changed and reloadable(changed):
        return Operation.RELOAD
    return Operation.RESTART


def why(step: Step) -> str:
    """Why a running service is not left as it is: `changed release, workers 2 → 3`."""
    if step.found and step.found.fault:
        return step.found.fault
    return ", ".join(map(_change, sorted(step.changes, key=lambda change: change.attribute)))


def _change(change: Change) -> str:
    old, new = change.old or "none", change.new or "none"
    if HASH in new and change.old is None:
        return f"{change.attribute} is missing"
    if HASH in old + new:
        return f"changed {change.attribute}"
    return f"{change.attribute} {old} → {new}"
