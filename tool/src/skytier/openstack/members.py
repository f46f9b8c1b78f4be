"""What a plan says of the members of the database: what is promised, and when nobody can write."""

from skytier.deploy.kind import Known
from skytier.deploy.update import CONFIGURATION
from skytier.openstack.resolved import ResolvedStack

_BEGINS = (
    "PostgreSQL goes over to Patroni: for some seconds nobody can write, and what is being written "
    "then fails."
)
_ENDS = (
    "PostgreSQL runs without Patroni again: from then until the web servers are configured again, "
    "about a minute later, nobody can write."
)
_SYNCHRONOUS = (
    "If the machine of the primary is lost, another member takes over within half a minute, and "
    "nothing that was acknowledged is lost while a replica is connected."
)
_ASYNCHRONOUS = (
    "If the machine of the primary is lost, another member takes over within half a minute, and "
    "what was written in the last seconds can be lost: database.synchronous is false."
)


def news(resolved: ResolvedStack, known: Known) -> list[str]:
    """Sentences about the members, when their number changes to or from one."""
    section = resolved.stack.machines().get("database")
    if section is None:
        return []
    places = [(number, resolved.key(CONFIGURATION, "database", number)) for number in (1, 2, 3)]
    now = [number for number, key in places if key in known]
    promise = _SYNCHRONOUS if resolved.stack.database.synchronous else _ASYNCHRONOUS
    match len(now), section.machines:
        case 0 | 1, 1:
            return []
        case _, 1:
            return [_ENDS]
        case 0, _:
            return [promise]
        case 1, _ if now == [1]:
            return [_BEGINS, promise]
        case _:
            return []
