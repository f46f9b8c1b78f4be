"""What a load balancer is made of: a listener for each port, its pool, its members, its monitor.

Each is a table of what Octavia's API calls it. `listener` in one is the port of the listener that
it is of; `port` in a member is the port of Neutron's that has its address.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from openstack.exceptions import ConflictException, NotFoundException, raise_from_response

from skytier.deploy.kind import Known, Wanted
from skytier.poll import until

LISTENER = ("protocol", "protocol_port", "timeout_client_data", "timeout_member_data")
POOL = ("protocol", "lb_algorithm")
MEMBER = ("protocol_port", "monitor_port", "weight")
MONITOR = (
    *("type", "http_method", "url_path", "expected_codes"),
    *("delay", "timeout", "max_retries", "max_retries_down"),
)
"""What of each is wanted, and compared."""
BUSY_S = 120.0
"""How long is tried again where somebody else changes it at the same time."""
_WORST = ("ERROR", "OFFLINE", "DEGRADED", "DRAINING", "NO_MONITOR", "ONLINE")


@dataclass(frozen=True)
class Whole:
    """All parts of a load balancer, as Octavia has them."""

    listeners: Sequence[Any]
    pools: Sequence[Any]
    members: Mapping[str, Sequence[Any]]
    """By the id of their pool."""
    monitors: Mapping[str, Any]
    """The same."""

    def pool_of(self, listener: Any) -> Any:
        """The pool that a listener leads to; None for none."""
        return next((each for each in self.pools if each.id == listener.default_pool_id), None)

    @property
    def unused(self) -> list[Any]:
        """The pools that no listener leads to."""
        used = {listener.default_pool_id for listener in self.listeners}
        return [pool for pool in self.pools if pool.id not in used]


def read(octavia: Any, project_id: str, balancer_id: str) -> Whole:
    """All parts of one, by a list of each, and one of members for each pool."""

    def own(listed: Iterable[Any]) -> list[Any]:
        return [each for each in listed if _names(each.load_balancers, balancer_id)]

    listeners = own(octavia.listeners(project_id=project_id))
    pools = [
        each
        for each in octavia.pools(project_id=project_id)
        if _names(each.loadbalancers, balancer_id)
    ]
    members: dict[str, Sequence[Any]] = {}
    for pool in pools:
        # One that is deleted at this moment is listed still.
        with suppress(NotFoundException):
            members[pool.id] = list(octavia.members(pool.id))
    pools = [each for each in pools if each.id in members]
    monitors = list(octavia.health_monitors(project_id=project_id)) if pools else []
    return Whole(
        listeners,
        pools,
        members,
        {pool.id: each for pool in pools for each in monitors if _names(each.pools, pool.id)},
    )


def described(whole: Whole, ports: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The parts as attributes. `ports` are the addresses of the stack's ports, and their ids."""
    pools = [(each.protocol_port, whole.pool_of(each)) for each in whole.listeners]
    pools = [(port, pool) for port, pool in pools if pool] + [(None, p) for p in whole.unused]
    return {
        "listeners": [_told(each, LISTENER) for each in whole.listeners],
        "pools": [{"listener": port, **_told(pool, POOL)} for port, pool in pools],
        "members": [
            {
                "listener": port,
                "port": ports.get(member.address, member.address),
                **_told(member, MEMBER),
            }
            for port, pool in pools
            for member in whole.members[pool.id]
        ],
        "monitors": [
            {"listener": port, **_told(whole.monitors[pool.id], MONITOR)}
            for port, pool in pools
            if pool.id in whole.monitors
        ],
    }


def failed(attributes: Mapping[str, Any]) -> list[str]:
    """The parts that are in ERROR, of all as `described`: Octavia could not make or change them,
    and the load balancer itself is ACTIVE all the same."""
    return [
        f"the {kind.removesuffix('s')} of port {each.get('listener', each.get('protocol_port'))}"
        for kind in ("listeners", "pools", "members", "monitors")
        for each in attributes[kind]
        if each.get("provisioning_status") == "ERROR"
    ]


def operating(whole: Whole) -> dict[str, str]:
    """What Octavia says of each member, by its address: the worst of what it says for its ports."""
    found: dict[str, str] = {}
    for member in (each for members in whole.members.values() for each in members):
        said = [found.get(member.address, "ONLINE"), member.operating_status or "OFFLINE"]
        found[member.address] = min(said, key=lambda s: _WORST.index(s) if s in _WORST else 0)
    return found


def mend(
    octavia: Any,
    project_id: str,
    balancer_id: str,
    wanted: Wanted,
    known: Known,
    settle: Callable[[], object],
) -> None:
    """Bring each part to what is wanted, one after another: while Octavia is at one of them, it
    takes no other change. `settle` waits until it is not."""
    whole = read(octavia, project_id, balancer_id)
    mending = _Mending(octavia, balancer_id, wanted, known, settle)
    there = {each.protocol_port: each for each in whole.listeners}
    wants = {each["protocol_port"]: each for each in wanted.attributes["listeners"]}
    kept: list[str] = []
    led_to = set()
    for port, listener in wants.items():
        found = there.get(port)
        pool = whole.pool_of(found) if found else None
        if found and pool and pool.id in led_to:
            # It is another listener's, whose members are on another port. It gets its own.
            mending.do(octavia.update_listener, found.id, default_pool_id=None)
            pool = None
        if pool:
            led_to.add(pool.id)
        kept.append(
            mending.listener(
                listener,
                found,
                pool,
                whole.members.get(pool.id, ()) if pool else (),
                whole.monitors.get(pool.id) if pool else None,
            )
        )
    for port, each in there.items():
        if port not in wants:
            mending.do(octavia.delete_listener, each.id)
    if any(pool.id not in kept for pool in whole.pools):
        for pool in read(octavia, project_id, balancer_id).unused:
            mending.do(octavia.delete_pool, pool.id)


@dataclass(frozen=True)
class _Mending:
    """A load balancer whose parts are mended."""

    octavia: Any
    balancer_id: str
    wanted: Wanted
    known: Known
    settle: Callable[[], object]

    def do(self, call: Callable[..., Any], *about: Any, **body: Any) -> Any:
        """A change, once no other one is under way."""

        def once() -> list[Any]:
            self.settle()
            try:
                return [call(*about, **body)]
            except ConflictException:
                return []

        # After that the error is Octavia's own.
        done = until(once, BUSY_S, every_s=1) or [call(*about, **body)]
        self.settle()
        return done[0]

    def listener(
        self, listener: Mapping[str, Any], found: Any, pool: Any, members: Any, monitor: Any
    ) -> str:
        """Mend a listener, and what is behind it. Returns the id of its pool."""
        octavia, name = self.octavia, _name(self.wanted, listener["protocol_port"])
        if found and found.protocol != listener["protocol"]:
            self.do(octavia.delete_listener, found.id)
            found = pool = monitor = None
            members = ()
        if not found:
            about = {"name": name, "load_balancer_id": self.balancer_id}
            found = self.do(octavia.create_listener, **about, **listener)
        elif _told(found, LISTENER) != listener:
            changed = {k: listener[k] for k in LISTENER if k not in ("protocol", "protocol_port")}
            self.do(octavia.update_listener, found.id, is_admin_state_up=True, **changed)
        [of_pool] = _of(self.wanted, "pools", listener)
        if pool and pool.protocol != of_pool["protocol"]:
            self.do(octavia.delete_pool, pool.id)
            pool, members, monitor = None, (), None
        if not pool:
            pool = self.do(octavia.create_pool, name=name, listener_id=found.id, **of_pool)
        elif _told(pool, POOL) != of_pool:
            algorithm = of_pool["lb_algorithm"]
            up = {"is_admin_state_up": True, "lb_algorithm": algorithm}
            self.do(octavia.update_pool, pool.id, **up)
        wants = _members(self.wanted, self.known, listener)
        told = [{"address": each.address, **_told(each, MEMBER)} for each in members]
        if _sorted(told) != _sorted({k: v for k, v in w.items() if k != "name"} for w in wants):
            up_members = [{**each, "admin_state_up": True} for each in wants]
            self.do(self._set_members, pool.id, up_members)
        self._monitor(pool.id, name, _of(self.wanted, "monitors", listener)[0], monitor)
        return str(pool.id)

    def _set_members(self, pool_id: str, members: Sequence[Mapping[str, Any]]) -> None:
        """All members of a pool by one call: those that are not named go."""
        answer = self.octavia.put(f"/lbaas/pools/{pool_id}/members", json={"members": members})
        raise_from_response(answer)

    def _monitor(self, pool_id: str, name: str, asked: Mapping[str, Any], found: Any) -> None:
        if found and found.type != asked["type"]:
            self.do(self.octavia.delete_health_monitor, found.id)
            found = None
        if not found:
            about = {"name": name, "pool_id": pool_id}
            self.do(self.octavia.create_health_monitor, **about, **asked)
        elif _told(found, MONITOR) != asked:
            changed = {each: value for each, value in asked.items() if each != "type"}
            self.do(
                *(self.octavia.update_health_monitor, found.id), is_admin_state_up=True, **changed
            )


def _members(wanted: Wanted, known: Known, listener: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": member["port"].name,
            "address": known[member["port"]].facts["address"],
            **{each: member[each] for each in MEMBER},
        }
        for member in _of(wanted, "members", listener)
    ]


def _of(wanted: Wanted, part: str, listener: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of one kind that belong to a listener, without what says so."""
    return [
        {name: value for name, value in each.items() if name != "listener"}
        for each in wanted.attributes[part]
        if each["listener"] == listener["protocol_port"]
    ]


def _name(wanted: Wanted, port: int) -> str:
    return f"{wanted.key.name}-{port}"


def _told(part: Any, names: Sequence[str]) -> dict[str, Any]:
    """What Octavia says of a part; also what is never wanted: that it is disabled, or in ERROR."""
    told = {name: getattr(part, name) for name in names}
    if part.is_admin_state_up is False:
        told["admin_state_up"] = False
    if part.provisioning_status == "ERROR":
        told["provisioning_status"] = part.provisioning_status
    return told


def _sorted(members: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(str(sorted(each.items())) for each in members)


def _names(references: Iterable[Mapping[str, str]] | None, wanted: str) -> bool:
    return any(each.get("id") == wanted for each in references or ())
