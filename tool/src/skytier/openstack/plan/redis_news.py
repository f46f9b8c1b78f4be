"""What a plan says of Redis when its machines become others: what is kept, and what is lost."""

from collections.abc import Sequence
from enum import Enum

from skytier.deploy.kind import Known
from skytier.deploy.plan import Action, Step
from skytier.deploy.update import CONFIGURATION, SERVER
from skytier.openstack.plan.resolved import ResolvedStack
from skytier.services.redis.servers import KEPT, SENTINEL_PORT

_TAKES_OVER = (
    "If the machine of the primary of Redis is lost, another member takes over within seconds. "
    "What was written in the last seconds can be lost with it."
)
_TO_THREE = (
    "Redis gets three members, with the keys of REDIS_URL that {first} has. From its turn until "
    "another member follows, some minutes, Redis cannot be used; other web servers cannot connect "
    "until their own turn."
)
_TO_ONE = (
    "Redis is on {first} alone again, with the keys of REDIS_URL that it has then. What is written "
    "to another member after its turn is lost. Before its turn Redis may be unreachable."
)
_EMPTY = "Redis begins empty: the keys of REDIS_URL are lost."
_ENDS = "The application has no Redis any more: the keys of REDIS_URL are lost."


class _Place(Enum):
    """Where Redis is."""

    NOWHERE = 0
    OWN = 1
    FIRST_WEB_SERVER = 2
    MEMBERS = 3


def news(resolved: ResolvedStack, known: Known, steps: Sequence[Step]) -> list[str]:
    """Sentences about the keys, when Redis gets other machines, or its only one is made anew; and
    what members promise."""
    first = resolved.key(SERVER, "web", 1)
    only = {_Place.OWN: resolved.key(SERVER, "cache", 1), _Place.FIRST_WEB_SERVER: first}
    made = [step.key for step in steps if step.action in (Action.CREATE, Action.REPLACE)]
    now, then = _now(resolved, known), _then(resolved)
    promise = [_TAKES_OVER] if then is _Place.MEMBERS else []
    match now, then:
        case _ if now is then:
            return [_EMPTY] if only.get(now) in made else []
        case _, _Place.NOWHERE:
            return [_ENDS]
        case _Place.NOWHERE, _:
            return promise
        case _ if first in made:
            return [_EMPTY, *promise]
        case _Place.FIRST_WEB_SERVER, _Place.MEMBERS:
            return [_TO_THREE.format(first=first.name), *promise]
        case _Place.MEMBERS, _Place.FIRST_WEB_SERVER:
            return [_TO_ONE.format(first=first.name)]
        case _:
            return [_EMPTY, *promise]


def _then(resolved: ResolvedStack) -> _Place:
    cache = resolved.stack.cache
    if not cache.enabled:
        return _Place.NOWHERE
    if cache.replicated:
        return _Place.MEMBERS
    return _Place.OWN if cache.machines else _Place.FIRST_WEB_SERVER


def _now(resolved: ResolvedStack, known: Known) -> _Place:
    """As the security group of the web servers says, which has the ports of what is on them."""
    if resolved.key(CONFIGURATION, "cache", 1) in known:
        return _Place.OWN
    group = known.get(resolved.key("security group", "web"))
    # Also where the first web server is lost.
    if group is None or not any(key.kind == CONFIGURATION for key in known):
        return _Place.NOWHERE
    ports = {rule[0] for rule in group.attributes["rules"]}
    if SENTINEL_PORT in ports:
        return _Place.MEMBERS
    return _Place.FIRST_WEB_SERVER if KEPT.port in ports else _Place.NOWHERE
