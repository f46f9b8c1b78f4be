"""What would save money: facts in, advice out, the figures worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.costs.advice.cache import cached_reads
from skytier.costs.advice.decide import advise
from skytier.costs.advice.facts import (
    HEADROOM,
    Advice,
    Facts,
    Leftover,
    MachineLoad,
    Spare,
    p95,
    slower,
)
from skytier.costs.advice.flavors import smaller_flavors
from skytier.costs.advice.nights import quiet_hours
from skytier.costs.price import price
from skytier.costs.rates import EXAMPLE, Rates
from skytier.costs.usage import Resource, ResourceKind
from skytier.metrics.source import Point
from skytier.stackfile import parse

NOW = datetime(2026, 11, 24, tzinfo=UTC)
STEP_S = 300
DAY = 24 * 3600 // STEP_S
SIZES = {"m1.tiny": (1, 768, 20), "m1.small": (1, 2048, 20), "m1.medium": (2, 4096, 20)}


def flavor(name: str) -> Resource:
    vcpus, ram_mib, disk_gib = SIZES[name]
    return Resource(
        kind=ResourceKind.SERVER, flavor=name, vcpus=vcpus, ram_mib=ram_mib, disk_gib=disk_gib
    )


def points(percent: float | Sequence[float], count: int = DAY) -> list[Point]:
    values = [percent] * count if isinstance(percent, int | float) else percent
    start = NOW.timestamp() - len(values) * STEP_S
    return [Point(start + index * STEP_S, value) for index, value in enumerate(values)]


def machine(
    cpu: float | Sequence[float],
    memory: float = 20,
    size: str = "m1.medium",
    role: str = "web",
    number: int = 1,
    **more: object,
) -> MachineLoad:
    figures = points(cpu), points(memory)
    return MachineLoad(f"shop-{role}-{number}", role, flavor(size), *figures, **more)  # type: ignore[arg-type]


def facts(*machines: MachineLoad, **more: object) -> Facts:
    offered = [flavor(name) for name in SIZES]
    return Facts(EXAMPLE, STEP_S, machines, offered, **more)  # type: ignore[arg-type]


def only(advice: Sequence[Advice]) -> Advice:
    assert len(advice) == 1
    return advice[0]


def test_a_machine_that_is_hardly_used_gets_the_smallest_flavor_with_room() -> None:
    found = only(smaller_flavors(facts(machine(cpu=10, memory=15))).advice)

    # m1.medium is 2 x 36.50 + 4 x 14.60 + 2.00 = 133.40; m1.small is 67.70.
    # m1.tiny would be cheaper; but 15% of 4 GiB are 80% of its 768 MiB, and 30% more do not fit.
    assert found.what == "shop-web-1: m1.small instead of m1.medium"
    assert str(found.saving) == "65.70"
    assert found.evidence == "CPU p95 10%, memory p95 15% over 24 h"
    assert found.reaches == "CPU p95 20%, memory p95 30%"
    assert found.do == 'flavor = "m1.small" in the section [web] of the stack file, then skytier up'


def test_the_busiest_machine_of_a_role_decides_and_all_of_it_save() -> None:
    two = facts(machine(cpu=5, number=1), machine(cpu=30, number=2))
    too_much = facts(machine(cpu=5, number=1), machine(cpu=39, number=2))

    assert only(smaller_flavors(two).advice).what.startswith("2 web servers: m1.small")
    assert str(only(smaller_flavors(two).advice).saving) == "131.40"
    # 39% of two vCPUs are 78% of one: 30% more are 101%.
    assert smaller_flavors(too_much).advice == []


def test_a_rare_peak_does_not_count_and_a_frequent_one_does() -> None:
    rare, frequent = ([90.0 if n % every == 0 else 5.0 for n in range(DAY)] for every in (25, 15))

    assert smaller_flavors(facts(machine(cpu=rare))).advice
    assert not smaller_flavors(facts(machine(cpu=frequent))).advice


@pytest.mark.parametrize("role", ["web", "database", "balancer"])
def test_no_disk_is_made_smaller_unless_the_machines_boot_from_volumes(role: str) -> None:
    """Nova makes none smaller, and a plan with such a flavor is refused."""
    offered = [
        replace(flavor("m1.small"), flavor=name, disk_gib=disk_gib)
        for name, disk_gib in (("m1.none", 0), ("m1.thin", 19), ("m1.wide", 40))
    ]

    def advised(**more: Any) -> list[str]:
        one = facts(machine(cpu=5, role=role, image_disk_gib=3, **more))
        found = smaller_flavors(replace(one, flavors=offered)).advice
        assert all(each.do.endswith("of the stack file, then skytier up") for each in found)
        return [each.what for each in found]

    assert advised() == [f"shop-{role}-1: m1.wide instead of m1.medium"]
    assert advised(root_gib=20) == [f"shop-{role}-1: m1.none instead of m1.medium"]


def test_one_machine_of_a_role_that_stands_on_its_disk_keeps_it_for_all() -> None:
    two = facts(machine(cpu=5, root_gib=20), machine(cpu=5, number=2))
    thin = replace(flavor("m1.small"), flavor="m1.thin", disk_gib=10)
    assert not smaller_flavors(replace(two, flavors=[thin])).advice
    assert smaller_flavors(two).advice


def test_an_image_that_needs_more_keeps_the_flavor() -> None:
    assert not smaller_flavors(facts(machine(cpu=5, image_disk_gib=30))).advice
    assert smaller_flavors(facts(machine(cpu=5, image_disk_gib=30, root_gib=30))).advice
    for root_gib in (0, 30):
        needs = machine(cpu=5, image_ram_mib=4096, root_gib=root_gib)
        assert not smaller_flavors(facts(needs)).advice


def test_what_would_break_the_latency_objective_is_not_advised_and_it_says_so() -> None:
    busy = facts(machine(cpu=30), p99_s=points(0.3), objective_s=0.5)

    found = smaller_flavors(busy)

    # 0.3 x (1 - 0.3) / (1 - 0.6) = 0.525
    assert found.advice == []
    assert found.refrained == [
        "shop-web-1 as m1.small would save 65.70 a month, but 99 of 100 requests would take up to "
        "525 ms (p95; now 300 ms), and the objective is 500 ms."
    ]
    relaxed = only(smaller_flavors(replace(busy, objective_s=0.6)).advice)
    assert relaxed.reaches.endswith("p99 of requests 525 ms")


def test_without_a_price_nothing_is_said_to_be_cheaper() -> None:
    assert not smaller_flavors(replace(facts(machine(cpu=5)), rates=Rates())).advice


def at_hour(hour: int) -> datetime:
    return datetime(2026, 11, 27, hour, tzinfo=UTC)


NIGHT = [5.0 if hour < 6 or hour >= 22 else 60.0 for hour in range(24) for _ in range(12)]


def test_fewer_web_servers_in_the_quiet_hours_over_midnight() -> None:
    two = facts(*(machine(NIGHT, size="m1.small", number=n) for n in (1, 2)))

    found = only(quiet_hours(two).advice)

    # One m1.small and its floating IP less, 8 of 24 hours: (67.70 + 7.30) / 3
    assert found.what == "1 instead of 2 web servers from 22:00 to 06:00 (UTC)"
    assert str(found.saving) == "25.00"
    assert found.reaches == "CPU p95 10% in those hours"
    line, _, then = found.do.partition(" in the section [web] of the stack file, ")
    assert parse(f"[web]\ncount = 2\n{line}").web.at(at_hour(5)).count == 1
    assert then.startswith("and a timer for skytier up --yes at 22:00 and 06:00")
    assert not quiet_hours(replace(two, scheduled=True)).advice


def test_the_hours_are_those_of_the_operators_zone() -> None:
    two = facts(*(machine(NIGHT, size="m1.small", number=n) for n in (1, 2)))

    found = only(quiet_hours(two, zone=ZoneInfo("Asia/Tokyo")).advice)

    assert "from 07:00 to 15:00 (Asia/Tokyo)" in found.what


def test_a_night_in_which_requests_would_take_too_long_is_not_advised() -> None:
    machines = [machine(NIGHT, size="m1.small", number=n) for n in (1, 2)]
    slow = facts(*machines, p99_s=points(0.49), objective_s=0.5)

    found = quiet_hours(slow)

    assert found.advice == []
    assert "would take up to 517 ms, and the objective is 500 ms" in found.refrained[0]


def test_one_web_server_is_never_too_many() -> None:
    assert not quiet_hours(facts(machine(NIGHT, size="m1.small"))).advice


def test_a_cache_is_advised_where_reads_alone_keep_the_database_busy() -> None:
    busy = machine(cpu=85, size="m1.small", role="database")
    reading = facts(busy, reads_percent=points(95), past_cache_percent=points(90))

    found = only(cached_reads(reading).advice)

    # m1.medium is 2 x 36.50 + 4 x 14.60 + 2.00 = 133.40; m1.small is 67.70.
    cached = "keep answers in Nginx's cache for one second, instead of m1.medium"
    assert found.what == f"shop-database-1: {cached}"
    assert str(found.saving) == "65.70"
    assert found.evidence == (
        "CPU p95 85% over 24 h, 95% of the application's requests read, and 90% of all requests "
        "reach it"
    )
    assert '"X-Accel-Expires: 1"' in found.do
    assert found in advise(reading).advice


@pytest.mark.parametrize(
    "otherwise",
    [
        {"reads_percent": points(79)},
        {"past_cache_percent": points(79)},
        {"reads_percent": ()},
        {"past_cache_percent": ()},
        # 76% and 30% more are 98.8%.
        {"machines": [machine(cpu=76, size="m1.small", role="database")]},
        {"machines": [machine(cpu=85, size="m1.medium", role="database")]},
        {"machines": [machine(cpu=85, size="m1.small", role="web")]},
    ],
    ids=["writes", "cached", "?", "no Nginx", "there is room", "no larger flavor", "the web"],
)
def test_no_cache_is_advised_where_it_would_not_help(otherwise: dict[str, object]) -> None:
    busy = machine(cpu=85, size="m1.small", role="database")
    reading = facts(busy, reads_percent=points(95), past_cache_percent=points(90))

    assert not cached_reads(replace(reading, **otherwise)).advice  # type: ignore[arg-type]


def leftover(kind: str, spare: Spare, age: timedelta, resource: Resource | None) -> Leftover:
    return Leftover(kind, "7f3a", "spare", spare, NOW - age, "", resource)


ADDRESS = Resource(kind=ResourceKind.FLOATING_IP)
VOLUME = Resource(kind=ResourceKind.VOLUME, size_gb=50)


def test_what_is_unused_is_told_with_what_it_costs_and_what_to_do() -> None:
    three = [
        leftover("floating ip", Spare.IDLE, timedelta(days=3), ADDRESS),
        leftover("volume", Spare.UNATTACHED, timedelta(hours=2), VOLUME),
        leftover("port", Spare.ORPHANED, timedelta(days=3), None),
    ]

    found = advise(facts(leftovers=three, now=NOW)).advice

    assert [(each.what, str(each.saving)) for each in found] == [
        ("the floating ip spare leads to nothing", "7.30"),
        ("the volume spare is attached to nothing", "5.00"),
        ("the port spare belongs to nothing", "0.00"),
    ]
    assert found[0].do == "if nobody needs it: openstack floating ip delete 7f3a"
    assert found[1].do.endswith("openstack volume show 7f3a"), "it may hold data"
    assert found[0].evidence == "made 3 days ago, of no stack"


@pytest.mark.parametrize(
    ("kind", "spare"),
    [("floating ip", Spare.IDLE), ("port", Spare.ORPHANED), ("volume", Spare.UNATTACHED)],
)
def test_what_a_stack_has_is_left_to_it(kind: str, spare: Spare) -> None:
    """A public port may wait for its server, and its address cannot be had again."""
    waits = replace(leftover(kind, spare, timedelta(days=3), ADDRESS), stack="shop")
    found = only(advise(facts(leftovers=[waits], now=NOW)).advice)
    assert found.evidence == "made 3 days ago, of the stack shop"
    assert "delete 7f3a" not in found.do
    assert ("shop" in found.do) is (kind != "volume")


@pytest.mark.parametrize(
    ("spare", "age", "told"),
    [
        (Spare.IDLE, timedelta(minutes=59), False),
        (Spare.IDLE, timedelta(hours=1), True),
        (Spare.OLD, timedelta(days=29), False),
        (Spare.OLD, timedelta(days=30), True),
    ],
)
def test_what_is_young_is_left_alone(spare: Spare, age: timedelta, told: bool) -> None:
    asked = facts(leftovers=[leftover("image", spare, age, ADDRESS)], now=NOW)
    assert bool(advise(asked).advice) is told


def test_less_than_a_day_of_figures_is_no_ground_for_anything() -> None:
    hours = machine(5, size="m1.medium")
    short = replace(hours, cpu=hours.cpu[: DAY - 1])

    assert advise(facts(hours)).advice
    assert advise(facts(short)).advice == []
    assert facts(hours, short).measured_h() == pytest.approx(23.9, abs=0.1)
    assert facts().measured_h() == 0


@given(
    st.floats(0, 100),
    st.floats(0, 100),
    st.sampled_from(sorted(SIZES)),
    st.floats(0.01, 2),
    st.sampled_from([None, 0.1, 0.5, 1.0]),
)
def test_no_advice_ever_leaves_less_than_the_room_it_promises_or_breaks_the_objective(
    cpu: float, memory: float, size: str, p99_s: float, objective_s: float | None
) -> None:
    asked = facts(machine(cpu, memory, size), p99_s=points(p99_s), objective_s=objective_s)

    for each in smaller_flavors(asked).advice:
        then = flavor(each.what.split(": ")[1].split()[0])
        now = flavor(size)
        busy = cpu / 100 * now.vcpus / then.vcpus
        assert busy * HEADROOM <= 1
        assert memory / 100 * now.ram_mib * HEADROOM <= then.ram_mib
        assert each.saving is not None
        assert each.saving > 0
        before, after = price(EXAMPLE, now).per_month, price(EXAMPLE, then).per_month
        assert each.saving == (before or 0) - (after or 0)
        if objective_s is not None:
            assert slower(p99_s, min(cpu / 100, 0.99), busy) <= objective_s


def test_p95_is_a_value_that_was_measured() -> None:
    assert p95([1.0] * 94 + [9.0] * 6) == 9.0
    assert p95([1.0] * 95 + [9.0] * 5) == 1.0
    assert p95([7.0]) == 7.0
