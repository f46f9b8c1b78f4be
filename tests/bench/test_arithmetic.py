"""From samples to figures: medians, ratios, aims, and what is made of them."""

import pytest
from bench.speed import plans
from bench.speed.about import About
from bench.speed.aims import aims
from bench.speed.load import Slice
from bench.speed.measure import DIRECT, MAIN, NGINX, Plan, Sample, Setting, measure
from bench.speed.pages import END, GROW, RUN, between
from bench.speed.report import markdown, tables
from bench.speed.results import as_json, results, spread
from bench.speed.work import Request

MANY = Setting(NGINX, 256)


def sample(
    name: str,
    rps: float,
    *,
    work: str = "one",
    setting: Setting = MAIN,
    p50_ms: float = 1,
    p99_ms: float = 2,
    failed: int = 0,
    cpu_s: float | None = 0.5,
) -> Sample:
    return Sample(name, work, setting, Slice(int(rps), 1.0, p50_ms, p99_ms, failed), cpu_s)


def about(memory_mib: float = 60, start_up_s: float = 0.5) -> About:
    return About("a machine", {}, 0.02, {"skytier": memory_mib}, {"skytier": start_up_s})


def test_a_result_is_the_median_of_its_rounds_and_the_sum_of_its_failures() -> None:
    rounds = [sample("plain", rps, p99_ms=p99) for rps, p99 in ((100, 9), (900, 1), (200, 4))]

    found = results([*rounds, sample("plain", 200, failed=3)])["one", MAIN, "plain"]

    assert (found.rps, found.p99_ms, found.failed, found.rounds) == (200, 3, 3, 4)


def test_processor_time_is_divided_by_all_requests_of_all_rounds() -> None:
    found = results([sample("plain", 100, cpu_s=0.2), sample("plain", 300, cpu_s=0.2)])

    assert found["one", MAIN, "plain"].cpu_ms == pytest.approx(1.0)


def test_one_strange_round_does_not_widen_the_spread() -> None:
    assert spread([100, 101, 99, 100, 5000]) == pytest.approx(0.01)
    assert spread([100]) == 0


def test_a_round_without_an_answer_counts_for_the_rate_and_not_for_the_latency() -> None:
    silent, answering = sample("plain", 0, p50_ms=0, p99_ms=0), sample("plain", 100)

    assert results([silent, silent, answering])["one", MAIN, "plain"].rps == 0
    assert results([silent, answering])["one", MAIN, "plain"].p50_ms == 1
    assert as_json(results([silent]))["one"]["plain"]["p50_ms"] is None


def test_the_document_has_work_then_contender_then_figures() -> None:
    found = results([sample("skytier", 600), sample("skytier", 500, setting=MANY)])

    entry = as_json(found)["one"]["skytier"]

    assert (entry["rps"], entry["p50_ms"], entry["p99_ms"], entry["cpu_ms"]) == (600, 1, 2, 0.8333)
    assert entry["settings"]["nginx-256"]["rps"] == 500


def test_aims_name_the_row_where_they_are_hardest() -> None:
    found = results(
        [
            *(sample("skytier", 700), sample("plain", 100, cpu_s=0.5)),
            *(sample("skytier", 90, work="list"), sample("litestar", 100, work="list")),
            *(sample("litestar", 600), sample("skytier", 500, setting=MANY, p50_ms=2, p99_ms=12)),
        ]
    )

    reached = {aim.words: aim for aim in aims(found, about(memory_mib=81))}

    assert reached["`one`: requests a second, to plain"].met
    litestar = reached["every row: requests a second, to litestar"]
    assert (litestar.met, litestar.row, litestar.found) == (False, "list", 0.9)
    assert reached["every row: processor time of a request, to plain"].met
    assert not reached["256 connections: p99, to its p50"].met
    assert not reached["memory of a worker after the run, in MiB"].met
    assert "every row: requests a second, to fastify" not in reached


def test_a_failed_request_is_an_aim_missed() -> None:
    found = results([sample("skytier", 700, failed=1)])

    assert not next(aim for aim in aims(found, about()) if aim.words == "failed requests").met


def test_tables_leave_out_who_was_not_measured() -> None:
    found = results([sample("skytier", 600), sample("plain", 100)])

    first = list(tables(found, MAIN))[1]

    assert first.splitlines()[2:] == ["| skytier | 6.00 |", "| plain   | 1.00 |"]


def test_a_table_is_aligned() -> None:
    assert markdown(["", "one"], [["skytier", "6.0"], ["a", "12.0"]]).splitlines() == [
        "|         |  one |",
        "|:--------|-----:|",
        "| skytier |  6.0 |",
        "| a       | 12.0 |",
    ]


def test_the_page_keeps_what_is_around_the_results() -> None:
    rest = f"{GROW}\nmore\n{END}\nafter\n"

    once = between(f"before\n{RUN}\nold\n{END}\n{rest}", RUN, "new")

    assert once == f"before\n{RUN}\n\nnew\n\n{END}\n{rest}"
    assert between(once, RUN, "new") == once


def test_plans_are_narrowed_to_what_was_asked_for() -> None:
    narrowed = [*plans.chosen(plans.FULL, ["one"], rounds=2)]

    assert [plan.setting for plan in narrowed] == [plan.setting for plan in plans.FULL]
    assert all(plan.works == ("one",) and plan.rounds == 2 for plan in narrowed)


def test_connections_that_are_named_are_measured_through_nginx_and_directly_when_asked() -> None:
    assert [p.setting for p in plans.chosen(plans.FULL, ["mixed"], [8])] == [Setting(NGINX, 8)]
    both = [p.setting for p in plans.chosen(plans.QUICK, direct=True)]
    assert both == [MAIN, Setting(DIRECT, 32)]


class Subject:
    """Remembers when it was measured."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name = name
        self._order = order

    def can(self, work: str, setting: Setting) -> bool:
        return work == "one"

    def sample(self, work: str, requests: object, setting: Setting, seconds: float) -> Sample:
        self._order.append(self.name)
        return sample(self.name, 1, work=work, setting=setting)


def test_contenders_are_measured_in_turn_and_the_first_round_does_not_count() -> None:
    order: list[str] = []
    works = {"one": [Request("/")], "list": [Request("/")]}
    plan = Plan(MAIN, ("one", "list"), rounds=2, seconds=0)

    found = [*measure([plan], [Subject("a", order), Subject("b", order)], works)]

    assert len(order) == 6
    assert [one.contender for one in found] == order[2:]
    assert all({*order[i : i + 2]} == {"a", "b"} for i in (0, 2, 4))
