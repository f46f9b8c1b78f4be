"""What Octavia is told, so that each part of a load balancer is as wanted."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.exceptions import (
    ConflictException,
    ForbiddenException,
    HttpException,
    NotFoundException,
)

from skytier.deploy.kind import Found, Key, Known, UnseenError
from skytier.errors import SkytierError
from skytier.openstack import catalog
from skytier.openstack.resources import load_balancer_parts as parts
from skytier.openstack.resources.load_balancer import LoadBalancer
from skytier.openstack.resources.project import Project
from tests.tool.test_load_balancer import BALANCER, HELD, PASSED_ON
from tests.tool.test_order import planned
from tests.tool.test_two_balancers import of, port

WANTED = of(planned(PASSED_ON, {}), BALANCER).wanted or pytest.fail("none is wanted")
FIRST, SECOND = port("skytier-web-1", "m", "10.0.0.1"), port("skytier-web-2", "m", "10.0.0.2")
KNOWN = Known(
    {
        HELD: Found(HELD, "vip", {}),
        **{
            Key("port", each.name): Found(
                *(Key("port", each.name), each.id, {}),
                {"address": each.fixed_ips[0]["ip_address"]},
            )
            for each in (FIRST, SECOND)
        },
    }
)
SILENT: Callable[[str], None] = lambda text: None  # noqa: E731


class Octavia:
    """Octavia's API: each change makes the load balancer immutable until it is looked at."""

    def __init__(self) -> None:
        self.balancers: dict[str, Any] = {}
        self.parts: dict[str, dict[str, Any]] = {"listener": {}, "pool": {}, "health_monitor": {}}
        self.of_pool: dict[str, list[Any]] = {}
        self.told: list[str] = []
        self.busy, self.ends_in = False, "ACTIVE"
        self.allowed, self.away, self.version = True, False, (2, 26)
        self.lists = 0
        self.fails: set[str] = set()
        """The changes after which a part is in ERROR, and the load balancer is ACTIVE."""

    def _changes(self, what: str) -> None:
        if self.busy:
            raise ConflictException("immutable")
        self.busy = True
        self.told.append(what)

    def create_load_balancer(self, **body: Any) -> Any:
        self._changes("create")
        usual = {"id": "lb", "is_admin_state_up": True, "tags": [], "created_at": "now"}
        usual |= {"vip_address": "10.0.0.9", "operating_status": "ONLINE"}
        made = SimpleNamespace(provisioning_status="PENDING_CREATE", **usual, **body)
        self.balancers["lb"] = made
        return made

    def get_load_balancer(self, balancer_id: str) -> Any:
        if balancer_id not in self.balancers:
            raise NotFoundException
        found, self.busy = self.balancers[balancer_id], False
        found.provisioning_status = self.ends_in
        return found

    def load_balancers(self, **query: Any) -> Any:
        self.lists += 1
        if self.away:
            raise HttpException(http_status=503)
        if not self.allowed:
            raise ForbiddenException(http_status=403)
        return [
            each for each in self.balancers.values() if each.description == query["description"]
        ]

    def update_load_balancer(self, balancer: Any, **body: Any) -> None:
        self._changes(f"update {' '.join(body)}")
        vars(balancer).update(body)

    def delete_load_balancer(self, balancer_id: str, *, cascade: bool) -> None:
        self._changes("delete")
        assert cascade
        del self.balancers[balancer_id]

    def _made(self, kind: str, **body: Any) -> Any:
        found = SimpleNamespace(id=f"{kind} {len(self.told)} {body['name']}", **body)
        found.is_admin_state_up = True
        found.provisioning_status = self._ends(f"create {kind}")
        self.parts[kind][found.id] = found
        if kind == "listener":
            found.load_balancers, found.default_pool_id = [{"id": body["load_balancer_id"]}], None
        if kind == "pool":
            found.loadbalancers = [{"id": "lb"}]
            self.parts["listener"][body["listener_id"]].default_pool_id = found.id
            self.of_pool[found.id] = []
        if kind == "health_monitor":
            found.pools = [{"id": body["pool_id"]}]
        return found

    def _ends(self, what: str) -> str:
        return "ERROR" if what in self.fails else "ACTIVE"

    def _set(self, pool: str, members: Any) -> None:
        usual: dict[str, Any] = {"is_admin_state_up": True, "operating_status": "ONLINE"}
        usual["provisioning_status"] = self._ends("members")
        self.of_pool[pool] = [SimpleNamespace(**{**usual, **each}) for each in members]

    def __getattr__(self, call: str) -> Any:
        verb, _, kind = call.partition("_")
        if call in ("listeners", "pools", "health_monitors"):
            return lambda project_id: list(self.parts[call.removesuffix("s")].values())

        def change(*about: str, **body: Any) -> Any:
            self._changes(f"{verb} {kind}")
            match verb:
                case "create":
                    return self._made(kind, **body)
                case "update":
                    ends = self._ends(f"update {kind}")
                    vars(self.parts[kind][about[0]]).update(body, provisioning_status=ends)
                case "delete":
                    del self.parts[kind][about[0]]
            return None

        return change

    def members(self, pool: str) -> Any:
        return self.of_pool[pool]

    def put(self, path: str, json: Any) -> Any:
        self._changes("members")
        self._set(path.split("/")[-2], json["members"])
        return SimpleNamespace(status_code=202)


@pytest.fixture
def octavia(monkeypatch: pytest.MonkeyPatch) -> Octavia:
    octavia = Octavia()
    monkeypatch.setattr(catalog, "load_balancer_version", lambda conn: octavia.version)
    return octavia


def kind_of(octavia: Octavia, *ports: Any, wanted: bool = True, held_by: str = "") -> LoadBalancer:
    network = SimpleNamespace(ports=lambda **query: [FIRST, SECOND, *ports])
    connection = SimpleNamespace(load_balancer=octavia, network=network, current_project_id="p")
    project = Project(cast(Any, connection), "skytier")
    return LoadBalancer(project, there=True, wanted=wanted, held_by=held_by)


@pytest.fixture
def made(octavia: Octavia) -> LoadBalancer:
    """The kind, with a load balancer that is as wanted."""
    kind = kind_of(octavia)
    kind.reconcile(WANTED, kind.create(WANTED, KNOWN), KNOWN, SILENT)
    octavia.told.clear()
    return kind


def differs(found: Found) -> list[str]:
    """The attributes that are not as wanted."""
    wants = KNOWN.attributes(WANTED)
    return [
        name
        for name, value in wants.items()
        if sorted(map(str, found.attributes[name])) != sorted(map(str, value))
    ]


ALL = ["create listener", "create pool", "members", "create health_monitor"]


def test_its_parts_are_made_one_after_another(octavia: Octavia) -> None:
    kind = kind_of(octavia)
    made = kind.create(WANTED, KNOWN)
    # A run that is killed there leaves what the next one goes on with.
    [found] = kind.find()
    assert differs(found) == ["listeners", "pools", "members", "monitors", "state", "tags"]
    done = kind.reconcile(WANTED, made, KNOWN, SILENT)
    assert octavia.told == ["create", "update tags", *ALL, *ALL]
    assert differs(done) == []
    assert [(each.key, differs(each)) for each in kind.find()] == [(BALANCER, [])]
    assert done.facts["members"] == {"10.0.0.1": "ONLINE", "10.0.0.2": "ONLINE"}


def test_a_cloud_without_tags_is_asked_for_none(octavia: Octavia) -> None:
    kind = kind_of(octavia)
    octavia.version = (2, 4)
    found = kind.create(WANTED, KNOWN)
    assert differs(kind.reconcile(WANTED, found, KNOWN, SILENT)) == []
    assert octavia.told == ["create", *ALL, *ALL]


def of_80(octavia: Octavia, kind: str) -> Any:
    return next(each for each in octavia.parts[kind].values() if each.name.endswith("-80"))


def without(kind: str) -> Callable[[Octavia], object]:
    return lambda octavia: octavia.parts[kind].pop(of_80(octavia, kind).id)


def changed(kind: str, **values: Any) -> Callable[[Octavia], object]:
    return lambda octavia: vars(of_80(octavia, kind)).update(values)


def a_member(**values: Any) -> Callable[[Octavia], object]:
    return lambda octavia: vars(octavia.of_pool[of_80(octavia, "pool").id][0]).update(values)


DRIFT: dict[str, tuple[Callable[[Octavia], object], list[str], list[str]]] = {
    "a listener is gone": (
        without("listener"),
        ["listeners", "pools", "members", "monitors"],
        ["create listener", "create pool", "members", "create health_monitor", "delete pool"],
    ),
    "a pool is gone": (
        without("pool"),
        ["pools", "members", "monitors"],
        ["create pool", "members", "create health_monitor"],
    ),
    "two listeners lead to one pool": (
        lambda octavia: vars(
            next(each for each in octavia.parts["listener"].values() if each.protocol_port == 443)
        ).update(default_pool_id=of_80(octavia, "pool").id),
        ["pools", "members", "monitors"],
        [
            *("update listener", "create pool", "members", "create health_monitor"),
            "delete pool",
        ],
    ),
    "they do, and it has members of the other one": (
        lambda octavia: vars(of_80(octavia, "listener")).update(
            default_pool_id=next(
                each.id for each in octavia.parts["pool"].values() if each.name.endswith("-443")
            )
        ),
        ["pools", "members", "monitors"],
        [
            *("members", "update listener", "create pool", "members", "create health_monitor"),
            "delete pool",
        ],
    ),
    "a monitor is gone": (without("health_monitor"), ["monitors"], ["create health_monitor"]),
    "members are gone": (
        lambda octavia: octavia.of_pool[of_80(octavia, "pool").id].clear(),
        *(["members"], ["members"]),
    ),
    "a member of another machine": (a_member(address="10.0.0.77"), ["members"], ["members"]),
    "a member is disabled": (a_member(is_admin_state_up=False), ["members"], ["members"]),
    "a listener hangs up early": (
        changed("listener", timeout_client_data=50_000),
        *(["listeners"], ["update listener"]),
    ),
    "a listener of another protocol": (
        changed("listener", protocol="HTTP"),
        ["listeners"],
        [
            *("delete listener", "create listener", "create pool", "members"),
            *("create health_monitor", "delete pool"),
        ],
    ),
    "a listener is disabled": (
        changed("listener", is_admin_state_up=False),
        *(["listeners"], ["update listener"]),
    ),
    "a pool tells nobody's address": (
        changed("pool", protocol="TCP"),
        ["pools"],
        ["delete pool", "create pool", "members", "create health_monitor"],
    ),
    "a pool takes turns": (
        changed("pool", lb_algorithm="ROUND_ROBIN"),
        *(["pools"], ["update pool"]),
    ),
    "a monitor asks elsewhere": (
        changed("health_monitor", url_path="/"),
        *(["monitors"], ["update health_monitor"]),
    ),
    "a monitor of another type": (
        changed("health_monitor", type="TCP"),
        *(["monitors"], ["delete health_monitor", "create health_monitor"]),
    ),
    "a listener is in ERROR": (
        changed("listener", provisioning_status="ERROR"),
        *(["listeners"], ["update listener"]),
    ),
    "a pool is in ERROR": (
        changed("pool", provisioning_status="ERROR"),
        *(["pools"], ["update pool"]),
    ),
    "a member is in ERROR": (
        a_member(provisioning_status="ERROR"),
        *(["members"], ["members"]),
    ),
    "a monitor is in ERROR": (
        changed("health_monitor", provisioning_status="ERROR"),
        *(["monitors"], ["update health_monitor"]),
    ),
    "another listener": (
        lambda octavia: vars(octavia._made("listener", name="x", load_balancer_id="lb")).update(
            dict.fromkeys(parts.LISTENER, 8000)
        ),
        *(["listeners"], ["delete listener"]),
    ),
    "it is disabled": (
        lambda octavia: vars(octavia.balancers["lb"]).update(is_admin_state_up=False),
        *(["state"], ["update is_admin_state_up"]),
    ),
    "its tags are gone": (
        lambda octavia: vars(octavia.balancers["lb"]).update(tags=["foreign"]),
        *(["tags"], ["update tags"]),
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_what_somebody_changed_is_seen_and_mended(
    case: str, octavia: Octavia, made: LoadBalancer
) -> None:
    change, seen, told = DRIFT[case]
    change(octavia)
    [found] = made.find()
    assert differs(found) == seen
    done = made.reconcile(WANTED, found, KNOWN, SILENT)
    assert octavia.told == told
    assert differs(done) == []
    assert case != "its tags are gone" or "foreign" in octavia.balancers["lb"].tags


def test_who_else_changes_it_is_waited_for(octavia: Octavia, made: LoadBalancer) -> None:
    without("health_monitor")(octavia)
    looks = octavia.get_load_balancer
    busy = iter([True, False, True])

    def others(balancer_id: str) -> Any:
        found = looks(balancer_id)
        octavia.busy = next(busy, False)
        return found

    octavia.get_load_balancer = others  # type: ignore[method-assign]
    assert differs(made.reconcile(WANTED, made.find()[0], KNOWN, SILENT)) == []


@pytest.mark.parametrize(
    ("status", "fault", "drift"),
    [
        ("ERROR", "it is in ERROR, so Octavia changes nothing of it", ""),
        ("PENDING_DELETE", "it is being deleted", ""),
        ("PENDING_UPDATE", "", "it is pending update"),
        ("ACTIVE", "", ""),
    ],
)
def test_its_state_is_a_fault_or_something_to_wait_for(
    status: str, fault: str, drift: str, octavia: Octavia, made: LoadBalancer
) -> None:
    octavia.balancers["lb"].provisioning_status = status
    [found] = made.find()
    assert (found.fault, found.drift) == (fault, drift)


def test_one_that_ends_in_error_says_what_to_do(octavia: Octavia) -> None:
    kind = kind_of(octavia)
    octavia.ends_in = "ERROR"
    with pytest.raises(SkytierError, match="is in the state ERROR") as raised:
        kind.reconcile(WANTED, kind.create(WANTED, KNOWN), KNOWN, SILENT)
    assert "with the same address" in (raised.value.do or "")


@pytest.mark.parametrize(
    ("change", "said", "again"),
    [
        (ALL[0], "the listener of port 80, the listener of port 443", "update listener"),
        (ALL[1], "the pool of port 80, the pool of port 443", "update pool"),
        (ALL[2], "the member of port 80, the member of port 443", "members"),
        (ALL[3], "the monitor of port 80, the monitor of port 443", "update health_monitor"),
    ],
)
def test_a_part_that_ends_in_error_is_told_and_set_again_by_the_next_run(
    change: str, said: str, again: str, octavia: Octavia
) -> None:
    kind = kind_of(octavia)
    octavia.fails = {change}
    with pytest.raises(SkytierError, match=f"is ACTIVE, and .* In ERROR: {said}\\.") as raised:
        kind.reconcile(WANTED, kind.create(WANTED, KNOWN), KNOWN, SILENT)
    assert "skytier up sets it up again" in (raised.value.do or "")
    octavia.fails = set()
    octavia.told.clear()
    [found] = kind.find()
    assert differs(kind.reconcile(WANTED, found, KNOWN, SILENT)) == []
    assert octavia.told == [again, again]


@pytest.mark.parametrize("status", ["ACTIVE", "ERROR"])
def test_it_goes_with_all_its_parts(status: str, octavia: Octavia, made: LoadBalancer) -> None:
    [found] = made.find()
    octavia.ends_in = status
    made.delete(found, SILENT)
    assert octavia.told == ["delete"]
    assert made.find() == []
    made.delete(found, SILENT)


def test_who_may_not_list_them_has_none_unless_the_stack_is_to_have_one(octavia: Octavia) -> None:
    octavia.allowed = False
    assert kind_of(octavia, wanted=False).find() == []
    with pytest.raises(UnseenError, match="Octavia answers 403") as raised:
        kind_of(octavia).find()
    assert "load-balancer_member" in (raised.value.do or "")


def test_a_stack_without_one_does_not_ask_octavia(octavia: Octavia, made: LoadBalancer) -> None:
    octavia.away, octavia.lists = True, 0
    assert kind_of(octavia, wanted=False, held_by=HELD.name).find() == []
    assert octavia.lists == 0
    held = port(HELD.name, "vip", "10.0.0.9")
    for kind in (
        kind_of(octavia, held, wanted=False, held_by=HELD.name),
        kind_of(octavia, wanted=True, held_by=HELD.name),
        kind_of(octavia, wanted=False),
    ):
        with pytest.raises(HttpException):
            kind.find()
        octavia.away = False
        assert [each.key for each in kind.find()] == [BALANCER]
        octavia.away = True


def test_another_one_of_the_project_is_left_alone(octavia: Octavia, made: LoadBalancer) -> None:
    foreign = octavia._made("listener", name="theirs", load_balancer_id="other")
    vars(foreign).update(dict.fromkeys(parts.LISTENER, 22))
    assert [differs(each) for each in made.find()] == [[]]
    made.reconcile(WANTED, made.find()[0], KNOWN, SILENT)
    assert octavia.told == []
    assert foreign.id in octavia.parts["listener"]


def test_one_that_the_filter_of_octavia_lets_through_is_none_of_the_stack(
    octavia: Octavia, made: LoadBalancer
) -> None:
    for number, description in enumerate(["", "skytier:stack=skytier-2", None], 1):
        another = {**vars(octavia.balancers["lb"]), "description": description}
        octavia.balancers[str(number)] = SimpleNamespace(**another)
    octavia.load_balancers = lambda **query: list(octavia.balancers.values())  # type: ignore[method-assign]
    assert [each.id for each in made.find()] == ["lb"]


def test_a_pool_that_is_being_deleted_is_none(octavia: Octavia, made: LoadBalancer) -> None:
    """The parts go one after another, and are listed for a while."""
    gone = of_80(octavia, "pool").id
    asked = octavia.members

    def members(pool: str) -> Any:
        if pool == gone:
            raise NotFoundException
        return asked(pool)

    octavia.members = members  # type: ignore[method-assign]
    octavia.balancers["lb"].provisioning_status = "PENDING_DELETE"

    [found] = made.find()

    assert found.fault == "it is being deleted"
    assert {each["listener"] for each in found.attributes["members"]} == {443}
    made.delete(found, SILENT)
    assert made.find() == []


def test_the_worst_of_what_is_said_of_a_member_counts(octavia: Octavia, made: LoadBalancer) -> None:
    a_member(operating_status="ERROR")(octavia)
    [found] = made.find()
    assert found.facts["members"] == {"10.0.0.1": "ERROR", "10.0.0.2": "ONLINE"}
