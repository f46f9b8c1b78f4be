"""When the lease of a primary may be ended: what Nova's words mean, and who could take over."""

from typing import Any

import pytest

from skytier.deploy.kind import Found, Key, Known
from skytier.errors import SkytierError
from skytier.hosts.host import UnreachableError
from skytier.openstack.machines import fencing
from skytier.openstack.machines.power import Power, cannot_know, judged, judged_deleted
from skytier.services.patroni.lease import Lease, heirs, read
from skytier.services.patroni.members import Members
from skytier.stackfile import parse
from tests.tool.test_database_members import A, B, C, three, told
from tests.tool.test_database_members import read as read_members

NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED = 0, 1, 3, 4, 6


@pytest.mark.parametrize(
    ("status", "power_state", "task", "host_status", "power"),
    [
        ("SHUTOFF", SHUTDOWN, None, None, Power.OFF),
        ("SHUTOFF", SHUTDOWN, None, "UP", Power.OFF),
        ("SHUTOFF", SHUTDOWN, None, "", Power.OFF),
        ("ERROR", SHUTDOWN, None, None, Power.OFF),
        ("ERROR", CRASHED, None, "MAINTENANCE", Power.OFF),
        ("SHELVED", SHUTDOWN, None, None, Power.OFF),
        ("ACTIVE", RUNNING, None, "UP", Power.RUNS),
        # The guest has ended, and Nova has not looked since: it is told to stop it.
        ("ACTIVE", SHUTDOWN, None, None, Power.RUNS),
        ("ERROR", RUNNING, None, None, Power.RUNS),
        ("SHUTOFF", SHUTDOWN, "powering-on", None, Power.RUNS),
        ("ACTIVE", RUNNING, "powering-off", None, Power.RUNS),
        ("ACTIVE", RUNNING, "deleting", None, Power.RUNS),
        # Nobody hears of the host, so what Nova remembers of the machine may be old.
        ("SHUTOFF", SHUTDOWN, None, "DOWN", Power.UNKNOWN),
        ("ACTIVE", RUNNING, None, "UNKNOWN", Power.UNKNOWN),
        ("ACTIVE", RUNNING, "powering-off", "DOWN", Power.UNKNOWN),
        # Its hypervisor does not know it; it comes back as it was; nobody may stop it so.
        ("SHUTOFF", NOSTATE, None, None, Power.UNKNOWN),
        ("SHUTOFF", RUNNING, None, None, Power.UNKNOWN),
        ("PAUSED", PAUSED, None, None, Power.UNKNOWN),
        ("SUSPENDED", SHUTDOWN, None, None, Power.UNKNOWN),
        ("UNKNOWN", None, None, None, Power.UNKNOWN),
    ],
)
def test_a_machine_is_off_only_when_nova_can_know_it(
    status: str, power_state: int | None, task: str | None, host_status: str | None, power: Power
) -> None:
    assert judged(status, power_state, task, host_status).power is power


@pytest.mark.parametrize(
    ("events", "power"),
    [
        ([{"event": "compute_terminate_instance", "result": "Success"}], Power.OFF),
        ([{"event": "compute_terminate_instance", "result": "Error"}], Power.UNKNOWN),
        ([{"event": "compute_terminate_instance", "result": None}], Power.UNKNOWN),
        # Nova deleted what it knows, while the host was away.
        ([], Power.UNKNOWN),
    ],
)
def test_a_deleted_machine_is_off_when_its_host_said_so(
    events: list[dict[str, Any]], power: Power
) -> None:
    assert judged_deleted(events).power is power


def test_what_keeps_nova_from_knowing_is_said_with_what_to_do() -> None:
    error = cannot_know(A, judged("ACTIVE", RUNNING, None, "DOWN"))

    assert f"{A} is off: its compute host does not report" in error.what
    assert "lease was not ended" in error.do


def etcd(leader: str = A, standbys: str = B, *, synchronous: bool = True, **more: Any) -> Lease:
    sync = {"leader": leader or A, "sync_standby": standbys}
    config = {"synchronous_mode": synchronous, **more}
    return read({"leader": leader, "sync": sync, "config": config})


def test_the_lease_is_read_from_patroni_s_keys() -> None:
    assert etcd() == Lease(A, [B], paused=False)
    assert etcd(standbys=f"{B},{C}").complete == [B, C]
    # Writes went on without a replica: none has them.
    assert etcd(standbys="").complete == []
    assert etcd(synchronous=False).complete is None
    assert etcd(pause=True).paused
    assert read({"leader": "", "sync": None, "config": None}) == Lease("", None, paused=False)
    # The former primary has all, too, and may be elected when it is another one that is lost.
    moved = {
        "leader": C,
        "sync": {"leader": A, "sync_standby": B},
        "config": {"synchronous_mode": 1},
    }
    assert read(moved).complete == [A, B]


WITHOUT_A = read_members({A: None, B: told(), C: told()})


@pytest.mark.parametrize(
    ("lease", "members", "able"),
    [
        (etcd(), WITHOUT_A, [B]),
        (etcd(standbys=f"{B},{C}"), WITHOUT_A, [B, C]),
        (etcd(synchronous=False), WITHOUT_A, [B, C]),
        (etcd(), three(), [B]),  # it answers, and is not to be trusted
    ],
)
def test_who_has_all_that_was_acknowledged_may_be_elected(
    lease: Lease, members: Members, able: list[str]
) -> None:
    assert heirs(lease, members) == able


@pytest.mark.parametrize(
    ("lease", "members", "why"),
    [
        (etcd(standbys=""), WITHOUT_A, "has all acknowledged writes"),
        (etcd(standbys=C), read_members({A: None, B: told(), C: None}), "has all acknowledged"),
        (etcd(synchronous=False), read_members({A: told(), B: None, C: None}), "is healthy: none"),
        (etcd(pause=True), WITHOUT_A, "Patroni is paused"),
    ],
)
def test_the_lease_stays_where_nobody_could_take_over(
    lease: Lease, members: Members, why: str
) -> None:
    with pytest.raises(SkytierError, match=why):
        heirs(lease, members)


def known(**powers: str) -> Known:
    """What Nova says of the members: `a="shutoff"` for A."""
    there = [
        Found(Key("server", name), name, {"power": powers[key]}, {"role": "database"})
        for key, name in {"a": A, "b": B, "c": C}.items()
        if key in powers
    ]
    web = Found(Key("server", "shop-web-1"), "w", {"power": "running"}, {"role": "web"})
    return Known({each.key: each for each in [*there, web]})


def test_members_that_run_are_told_by_nova() -> None:
    assert fencing.running(known(a="shutoff", b="running")) == [B]
    assert fencing.members(parse('name = "shop"\ndatabase.members = 3')) == [A, B, C]
    assert fencing.members(parse('name = "shop"')) == [A]


class Away:
    """A way into machines, none of which answers."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def enter(self, name: str, known: Known) -> "Away":
        self.entered.append(name)
        return self

    def run(self, script: str) -> str:
        raise UnreachableError("No connection.")


@pytest.mark.parametrize(
    ("members", "there", "entered"),
    [
        (2, known(a="running", b="running"), []),
        (2, known(a="shutoff", b="running"), [B]),
        (3, known(b="running", c="running"), [B, C]),  # the first one is gone
        (3, known(a="error", b="shutoff", c="running"), [C]),
        # Nobody could take over, or nobody is lost.
        (2, known(a="shutoff", b="shutoff"), []),
        (1, known(a="shutoff"), []),
        (2, Known(), []),
    ],
)
def test_up_asks_the_others_for_the_lease_only_when_a_member_does_not_run(
    members: int, there: Known, entered: list[str]
) -> None:
    stack, access = parse(f'name = "shop"\ndatabase.members = {members}'), Away()
    nothing: Any = None

    # That it cannot be ended keeps nothing from being repaired.
    fencing.take_over_from_lost(nothing, stack, there, access, nothing)  # type: ignore[arg-type]

    assert access.entered == entered
