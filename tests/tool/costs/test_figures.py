"""Figures for advice and bills, from a real Prometheus that has a day of history."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from skytier.costs.usage import Resource, ResourceKind, Usage
from skytier.deploy.kind import Key
from skytier.metrics.prometheus import Prometheus
from skytier.metrics.source import Point, Series
from skytier.openstack.plan.planned import Plan
from skytier.openstack.spending import load
from skytier.openstack.usages import traffic
from skytier.openstack.usages.collected import Window

from ...prometheus_history import running
from ..test_moves import moving
from ..test_order import planned, resolved


@pytest.fixture(scope="module")
def end() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, end: datetime) -> Iterator[Prometheus]:
    with running(tmp_path_factory.mktemp("prometheus"), "shop-web-1", end) as url:
        yield Prometheus(url)


def test_a_machines_figures_are_those_of_its_time(source: Prometheus, end: datetime) -> None:
    stop = end.timestamp()
    start = (end - timedelta(hours=24)).timestamp()

    cpu, memory = (load.by_machine(source, name, start, stop) for name in load.FIGURES)

    assert {round(point.value, 6) for point in cpu["shop-web-1"]} == {25.0}
    assert {round(point.value, 6) for point in memory["shop-web-1"]} == {10.0}
    assert len(cpu["shop-web-1"]) == 24 * 3600 / load.STEP_S + 1


def test_machines_of_a_role_that_is_to_go_are_not_advised_on(end: datetime) -> None:
    """The stack file has one web server by now, and visitors come through the balancer still."""
    stack, found = moving("a balancer goes")
    plan = Plan(planned(stack, found), resolved(stack), "ssh-ed25519 key")
    assert Key("server", "skytier-balancer-1") in plan.known
    offered = [Resource(kind=ResourceKind.SERVER, flavor="m1.small")]

    told = load.machines(plan, cast(Any, Sent([], end)), offered, 0.0, end.timestamp())

    assert {each.role for each in told} == {"web", "database"}


def test_what_a_public_machine_sent_is_its_traffic(source: Prometheus, end: datetime) -> None:
    window = Window(end - timedelta(hours=24), end)
    public = Usage(
        kind=ResourceKind.FLOATING_IP,
        id="1",
        name="shop-web-1",
        stack="shop",
        role="web",
        labels={"team": "web"},
        start=window.start,
        end=window.end,
    )

    found = traffic.sent(source, [public], window)

    # 24 hours of 1 MiB a second, without what went to the machine itself
    assert sum(each.bytes_out for each in found.usages) == pytest.approx(
        24 * 3600 * 2**20, rel=1e-3
    )
    assert {(u.kind, u.stack, u.role) for u in found.usages} == {
        (ResourceKind.TRAFFIC, "shop", "web")
    }
    assert found.usages[0].labels == {"team": "web"}
    assert found.notes == [traffic.NOTE]
    assert traffic.sent(source, [], window).usages == []


WEB = [f"shop-web-{number}" for number in (1, 2, 3)]
BALANCERS = ["shop-balancer-1", "shop-balancer-2"]
INSIDE = ["shop-database-1", "shop-monitor-1"]
SSH = [f"{name}-ssh" for name in BALANCERS]


class Sent:
    """A Prometheus in which each machine sent a byte a second, for two hours."""

    def __init__(self, machines: Sequence[str], end: datetime) -> None:
        self.machines = machines
        self.points = [Point(end.timestamp() - at * traffic.STEP_S, 1.0) for at in (1, 0)]

    def series(self, *asked: object) -> list[Series]:
        return [Series({"machine": name}, self.points) for name in self.machines]


@pytest.mark.parametrize(
    ("doors", "counted", "notes"),
    [
        (["shop-web-1"], ["shop-web-1"], 1),
        (WEB, WEB, 1),
        (["shop-balancer-1"], ["shop-balancer-1"], 1),
        (["shop-balancer", *SSH], BALANCERS, 1),
        # Also while one of the addresses is still to come.
        (["shop-balancer"], BALANCERS, 1),
        (["shop-load-balancer", "shop-web-1-ssh"], WEB, 2),
        ([], [], 0),
        (["another-balancer"], [], 0),
    ],
)
def test_what_left_a_stack_is_counted_once_by_whichever_address(
    doors: list[str], counted: list[str], notes: int, end: datetime
) -> None:
    window = Window(end - timedelta(hours=3), end)
    kind, start = ResourceKind.FLOATING_IP, window.start
    public = [
        Usage(kind=kind, id=name, name=name, stack="shop", start=start, end=window.end)
        for name in doors
    ]

    found = traffic.sent(cast(Any, Sent([*WEB, *BALANCERS, *INSIDE], end)), public, window)

    assert Counter(each.name for each in found.usages) == dict.fromkeys(counted, 2)
    assert {each.bytes_out for each in found.usages} <= {traffic.STEP_S}
    for each in found.usages:
        assert (each.stack, each.role) == ("shop", each.name.split("-")[1])
    assert len(found.notes) == notes
