"""What is decided without asking anybody: columns, the picture of the stack, sentences."""

from decimal import Decimal

import pytest

from skytier.dashboard.topology import topology
from skytier.metrics.catalogue import BY_ID
from skytier.metrics.grid import Grid, aligned, grid
from skytier.metrics.source import Mark, Point, Series
from skytier.report import sentences
from skytier.report.facts import Drawing, Episode, Facts, Watch, episodes, watch
from skytier.status import MachineStatus, ServiceStatus, Status
from skytier.watched import Cost

CPU, REQUESTS, ERRORS = BY_ID["cpu_percent"], BY_ID["requests_per_s"], BY_ID["error_percent"]


def machine(name: str, role: str, *services: str, ill: str = "") -> MachineStatus:
    found = [ServiceStatus(each, each != ill, None, "") for each in ("server", *services)]
    return MachineStatus(name, role, "192.0.2.1", not ill, found, [])


def edges(*machines: MachineStatus) -> set[str]:
    drawn = topology(Status("shop", "mycloud", "", True, list(machines), []))
    return {f"{edge['from']} > {edge['to']}: {edge['what']}" for edge in drawn["edges"]}


def test_requests_go_through_the_proxy_of_each_machine_to_the_database() -> None:
    web = machine("web-1", "web", "nginx", "application")
    assert edges(web, machine("db-1", "database", "postgresql")) == {
        "clients > web-1/nginx: requests",
        "web-1/nginx > web-1/application: requests",
        "web-1/application > db-1/postgresql: queries",
    }


@pytest.mark.parametrize("kind", ["haproxy", "octavia"])
def test_a_balancer_stands_before_all_web_servers_and_a_replica_behind_its_primary(
    kind: str,
) -> None:
    assert edges(
        machine("db-1", "database", "postgresql"),
        machine("db-2", "database", "postgresql"),
        machine("web-1", "web", "nginx", "application"),
        machine("web-2", "web", "nginx", "application"),
        machine("cache-1", "cache", "redis"),
        machine("lb-1", "balancer", kind),
    ) == {
        f"clients > lb-1/{kind}: requests",
        f"lb-1/{kind} > web-1/nginx: requests",
        f"lb-1/{kind} > web-2/nginx: requests",
        "web-1/nginx > web-1/application: requests",
        "web-2/nginx > web-2/application: requests",
        "web-1/application > db-1/postgresql: queries",
        "web-2/application > db-1/postgresql: queries",
        "db-1/postgresql > db-2/postgresql: replication",
        "web-1/application > cache-1/redis: cache",
        "web-2/application > cache-1/redis: cache",
    }


def test_without_nginx_clients_come_to_the_application() -> None:
    assert edges(machine("web-1", "web", "application")) == {
        "clients > web-1/application: requests"
    }


def test_machines_stand_in_tiers_and_what_is_no_part_of_a_request_is_in_the_table() -> None:
    web = machine("web-1", "web", "application", "nginx", "packages", ill="packages")
    status = Status("shop", None, "", False, [machine("db-1", "database", "postgresql"), web], [])
    drawn = topology(status)["machines"]
    assert [each["name"] for each in drawn] == ["web-1", "db-1"]
    assert [each["title"] for each in drawn[0]["parts"]] == ["Nginx", "Application"]
    assert [(each["name"], each["running"]) for each in drawn[0]["others"]] == [
        ("server", True),
        ("packages", False),
    ]
    assert drawn[0]["tier"] < drawn[1]["tier"]


def test_prometheus_is_drawn_where_the_machine_is_there_for_it() -> None:
    web = machine("web-1", "web", "nginx", "application", "prometheus")
    own = machine("monitor-1", "monitor", "prometheus", "prometheus-alertmanager")
    status = Status("shop", None, "", True, [own, web], [])
    assert {
        each["name"]: [part["title"] for part in each["parts"]]
        for each in topology(status)["machines"]
    } == {"web-1": ["Nginx", "Application"], "monitor-1": ["Prometheus"]}


@pytest.mark.parametrize(
    ("span_s", "step_s"), [(900, 15), (3600, 15), (6 * 3600, 120), (86400, 300), (604800, 3600)]
)
def test_a_chart_has_no_more_moments_than_can_be_seen(span_s: int, step_s: int) -> None:
    start, end, step = aligned(1_800_000_007, 1_800_000_007 + span_s)
    assert step == step_s
    assert start % step == end % step == 0
    assert (end - start) / step <= 300


def test_points_become_columns_with_gaps() -> None:
    found = [
        Series({"machine": "web-2"}, [Point(100, 1.0), Point(131, 3.0)]),
        Series({"machine": "web-1"}, [Point(115, 2.0), Point(900, 9.0)]),
        Series({"machine": "web-3"}, [Point(1, 5.0)]),
    ]
    columns = grid(CPU, found, 100, 130, 15)
    assert list(columns.times) == [100, 115, 130]
    assert columns.lines == [("web-1", [None, 2.0, None]), ("web-2", [1.0, None, 3.0])]


def facts(**more: object) -> Facts:
    times = range(0, 181, 60)
    shown = [
        Drawing(REQUESTS, Grid(times, [("Requests", [10.0, 10.0, None, 30.0])])),
        Drawing(ERRORS, Grid(times, [("Errors", [0.0, 0.0, None, 1.0])])),
    ]
    given: dict[str, object] = {
        "name": "shop",
        "cloud": "mycloud",
        "start": 0,
        "end": 240,
        "source": "Prometheus",
        "drawings": shown,
        "watch": Watch(10, 9, 15.0),
        "episodes": [],
        "releases": [],
        "cost": Cost("USD", Decimal(0), [], ""),
        "missing": [],
    }
    return Facts(**{**given, **more})  # type: ignore[arg-type]


def test_availability_is_told_from_looks_and_from_requests() -> None:
    assert sentences.availability(facts()) == [
        "The application answered its monitor 90% of the 2.5 min in which it was watched.",
        # 600 + 600 + 1800 requests, of which 18 were errors.
        "Of 3,000 requests 99.4% were answered without an error of ours.",
    ]
    assert sentences.availability(facts(drawings=[], watch=Watch(0, 0, 15.0))) == [
        "Nobody watched whether the application answered.",
        "No request was counted.",
    ]


def test_a_chart_is_told_by_its_mean_and_its_height() -> None:
    grid_of_two = Grid([0, 60], [("web-1", [10.0, 20.0]), ("web-2", [None, 50.0])])
    assert sentences.drawing(Drawing(CPU, grid_of_two)) == (
        "web-2: 50.0% on average, at the most 50.0% on 1 Jan 1970, 00:01; "
        "web-1: 15.0% on average, at the most 20.0% on 1 Jan 1970, 00:01."
    )


def test_alerts_are_counted_and_those_that_go_on_are_told_apart() -> None:
    ended, going = Episode("Down", "critical", "", 0, 60), Episode("Busy", "warning", "", 0, None)
    assert sentences.alerts(facts()) == "No alert fired."
    assert sentences.alerts(facts(episodes=[ended])) == "One alert fired in this time, and ended."
    assert sentences.alerts(facts(episodes=[ended, going])) == (
        "2 alerts fired in this time, 1 of them still at its end."
    )
    assert sentences.episode(ended) == "1 Jan 1970, 00:00, for 1 min"
    assert sentences.releases(facts(releases=[Mark(0, "1", "a")])) == (
        "One release began to run in this time."
    )


def test_the_application_is_there_when_any_of_its_machines_answers() -> None:
    def up(machine: str, job: str, *values: float) -> Series:
        points = [Point(1_800_000_000 + 15 * place, value) for place, value in enumerate(values)]
        return Series({"machine": machine, "job": job}, points)

    found = [
        up("web-1", "application", 1, 0, 0, 1),
        up("web-2", "application", 1, 1, 0),
        up("web-1", "node", 1, 1, 1, 1, 1),
    ]
    assert watch(found, 15.0) == Watch(looks=4, well=3, step_s=15.0)


def test_an_alert_that_came_back_fired_twice() -> None:
    labels = {"alertname": "Down", "severity": "critical", "machine": "web-1"}
    points = [Point(at, 1.0) for at in (0, 15, 30, 600, 615)]
    assert list(episodes([Series(labels, points)], end=620, step_s=15)) == [
        Episode("Down", "critical", "web-1", 0, 30),
        Episode("Down", "critical", "web-1", 600, None),
    ]
