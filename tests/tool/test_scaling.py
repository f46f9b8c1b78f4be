"""How many web servers there shall be, by the CPU in use; and the number in the stack file."""

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.cli.scale import having
from skytier.deploy.scaling import LOOK_BACK_S, STEP_S, MissingFiguresError, decide
from skytier.errors import SkytierError
from skytier.openstack.holder import Holder, ended_at
from skytier.stackfile import parse
from skytier.stackfile.automatic import Automatic
from skytier.stackfile.edit import with_web_servers

ALL = LOOK_BACK_S // STEP_S
LAST = 300 // STEP_S
LIMITS = Automatic(min=2, max=6, cpu=60)


def load(*percent: float) -> dict[str, list[float]]:
    """Web servers that had this CPU in use all the time."""
    return {f"shop-web-{number}": [each] * ALL for number, each in enumerate(percent, 1)}


@pytest.mark.parametrize(
    ("percent", "count"),
    [
        ([60, 60], 2),
        ([65, 65], 2),  # within the tolerance
        ([67, 67], 3),
        ([90, 90], 3),
        ([100, 100], 4),
        ([100, 20], 2),  # the mean counts, which the balancer evens out
        ([100, 100, 100, 100, 100], 6),
        ([100] * 6, 6),
        ([30, 30, 30], 2),
        ([37, 37, 37], 3),  # two would have 56%, within the tolerance of 60
        ([5, 5, 5, 5, 5, 5], 5),  # one at a time
        ([1, 1], 2),
    ],
)
def test_the_cpu_in_use_decides(percent: list[float], count: int) -> None:
    assert decide(LIMITS, load(*percent)).count == count


def test_more_come_by_the_last_five_minutes_and_one_goes_by_the_last_fifteen() -> None:
    calm_before = {name: [10.0] * (ALL - LAST) + [90.0] * LAST for name in ("a", "b")}
    calm_now = {name: [90.0] * LAST + [10.0] * (ALL - LAST) for name in ("a", "b", "c")}

    assert decide(LIMITS, calm_before).count == 3
    assert decide(LIMITS, calm_now).count == 3
    assert decide(LIMITS, {name: [10.0] * ALL for name in calm_now}).count == 2


@pytest.mark.parametrize(
    ("there", "count"),
    [(1, 2), (2, 2), (6, 6), (8, 6)],
)
def test_a_number_outside_the_limits_is_brought_within_them(there: int, count: int) -> None:
    decided = decide(LIMITS, load(*[60] * there), seconds_since_change=0)

    assert (decided.there, decided.count) == (there, count)


@pytest.mark.parametrize(("seconds", "count"), [(0, 2), (599, 2), (600, 4), (None, 4)])
def test_after_a_change_of_the_stack_nothing_is_scaled_for_a_while(
    seconds: float | None, count: int
) -> None:
    decided = decide(LIMITS, load(100, 100), seconds)

    assert decided.count == count
    assert ("The stack was changed" in decided.why) == (count == 2)


@pytest.mark.parametrize(
    ("line", "missing"),
    [([], True), ([90.0] * (LAST * 8 // 10), False), ([90.0] * (LAST * 8 // 10 - 1), True)],
)
def test_a_web_server_without_figures_is_named_and_nothing_is_decided(
    line: list[float], missing: bool
) -> None:
    cpu = {**load(90), "shop-web-2": line}
    if not missing:
        assert decide(LIMITS, cpu).count == 3
        return
    with pytest.raises(MissingFiguresError, match=r"^shop-web-2 in the last 5 minutes$"):
        decide(LIMITS, cpu)


@pytest.mark.parametrize("points", [LAST, 2 * LAST, 3 * LAST - LAST // 4])
def test_none_goes_while_it_is_not_known_how_busy_they_were(points: int) -> None:
    """The newest web server is some minutes old, which is no fault."""
    cpu = {**load(10, 10), "shop-web-3": [10.0] * points}

    decided = decide(LIMITS, cpu)

    assert decided.count == 3
    assert decided.why.endswith("the aim is 60%. None goes until there are figures of 15 minutes.")
    assert decide(LIMITS, {**cpu, "shop-web-3": [10.0] * 3 * LAST}).count == 2


@pytest.mark.parametrize(
    ("percent", "out", "count"),
    [
        ([100, 1], {2}, 3),  # one that serves would have to be two; the other one is still there
        ([1, 100], {1}, 3),
        ([100, 1, 1], {2, 3}, 4),
        ([100, 1, 1, 1, 1, 1], {2, 3, 4, 5, 6}, 6),
        ([60, 1], {2}, 2),
        ([5, 5, 5], {3}, 3),  # whichever would go, one that serves might
        ([34, 34, 34], {2, 3}, 3),
        ([100, 100], {1, 2}, 2),
    ],
)
def test_those_that_get_requests_decide(percent: list[float], out: set[int], count: int) -> None:
    cpu = load(*percent)
    in_rotation = {
        name: [1.0] * (ALL - 1) + [float(number not in out)] for number, name in enumerate(cpu, 1)
    }

    decided = decide(LIMITS, cpu, in_rotation=in_rotation)

    assert decided.count == count
    if len(out) < len(percent):
        assert all(f"shop-web-{number}" in decided.why for number in out)
    else:
        assert decided.why == "No web server gets requests, so no load is there."


def test_none_goes_until_all_have_got_requests_for_a_while() -> None:
    cpu = load(5, 5, 5)
    back = {name: [1.0] * ALL for name in cpu} | {"shop-web-2": [0.0] + [1.0] * (ALL - 1)}

    decided = decide(LIMITS, cpu, in_rotation=back)

    assert decided.count == 3
    assert decided.why.endswith("None goes until all have got requests for 15 minutes.")
    assert decide(LIMITS, cpu, in_rotation=back | {"shop-web-2": [1.0] * ALL}).count == 2


def test_figures_of_one_that_gets_no_requests_may_be_missing() -> None:
    cpu = {**load(90), "shop-web-2": list[float]()}

    assert decide(LIMITS, cpu, in_rotation={"shop-web-1": [1.0], "shop-web-2": [0.0]}).count == 3


@given(
    limits=st.tuples(st.integers(1, 99), st.integers(1, 99), st.integers(10, 90)),
    percent=st.lists(st.floats(0, 100), min_size=1, max_size=12),
)
def test_a_decision_is_within_the_limits_and_in_the_direction_of_the_load(
    limits: tuple[int, int, int], percent: list[float]
) -> None:
    least, more, cpu = limits
    wanted = Automatic(min=least, max=min(least + more, 100), cpu=cpu)
    decided, there = decide(wanted, load(*percent)), len(percent)

    assert wanted.min <= decided.count <= wanted.max
    if wanted.min <= there <= wanted.max:
        mean = sum(percent) / there
        assert decided.count <= there or mean > cpu
        assert decided.count >= there or mean * there / decided.count < cpu
        assert decided.count >= there - 1
    assert decided.why.endswith(".")


def test_the_audit_says_when_a_change_ended() -> None:
    line = Holder("abcdef", int(datetime.now(UTC).timestamp()) - 90, 0, "m", 1, "up", "a@b")

    ended = ended_at(line.audit_line("ok"))

    assert ended is not None
    assert abs(ended - datetime.now(UTC).timestamp()) < 60
    assert ended_at("20261124T150300Z up ok 214s alice@laptop") == 1795532794.0
    # As earlier versions wrote it.
    assert ended_at("20261124T150300Z up ok alice@laptop") is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("count = {min = 3, max = 3}", "web.count has min = 3, and max = 3."),
        ("count = {min = 0, max = 3}", "web.count.min = 0 is too small. Allowed: a number from 1"),
        ("count = {max = 3}", "web.count lacks min. Allowed: a number from 1"),
        ("count = {min = 1, max = 3, cpu = '60'}", 'web.count.cpu = "60" is not a whole number.'),
        ("count = {min = 1, max = 3, cpus = 60}", "web.count.cpus is not a key. Allowed: a number"),
        ("count = [1]", "web.count = [1] is not a whole number. Allowed: a number from 1"),
    ],
)
def test_what_is_wrong_with_an_automatic_number_is_said(line: str, said: str) -> None:
    with pytest.raises(SkytierError) as refused:
        parse(f"[web]\n{line}")

    assert refused.value.what.startswith(f"skytier.toml, line 2: {said}")


def test_an_automatic_number_is_that_of_the_web_servers_that_are_there() -> None:
    stack, now = parse("web.count = {min = 2, max = 4}"), datetime.now(UTC)

    counts = [stack.at(now, there).web.machines for there in (0, 1, 2, 3, 4, 9)]

    assert counts == [2, 2, 2, 3, 4, 4]
    assert stack.has_balancer
    # The balancer stays while there is one web server.
    assert parse("web.count = {min = 1, max = 4}").at(now, 1).has_balancer


def test_at_hours_of_the_schedule_its_number_counts() -> None:
    night = '[[web.schedule]]\nfrom = "22:00"\nto = "06:00"\ncount = 1\n'
    stack = parse(f"web.count = {{min = 2, max = 4}}\n{night}")

    assert stack.at(datetime(2026, 11, 29, 23, tzinfo=UTC), 4).web.machines == 1
    assert stack.at(datetime(2026, 11, 29, 12, tzinfo=UTC), 4).web.machines == 4


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("before", ["", "web.count = 3", "[web]\nflavor = 'm'"])
def test_what_scale_carries_out_is_what_the_file_says_then(before: str, count: int) -> None:
    carried_out = having(parse(before), count)

    assert carried_out == parse(with_web_servers(before, count))
    assert carried_out.has_balancer == (count > 1)


def test_a_number_within_the_limits_leaves_them() -> None:
    stack = having(parse("web.count = {min = 1, max = 4}"), 1)

    assert (stack.web.machines, stack.web.most, stack.has_balancer) == (1, 4, True)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "[web]\ncount = 3\n"),
        ("web.count = 2 # for now\nname = 'x'\n", "web.count = 3 # for now\nname = 'x'\n"),
        ("[web]  # ours\n# count = 1\ncount=1\n", "[web]  # ours\n# count = 1\ncount=3\n"),
        ("web = {count = 1, flavor = 'm'}\n", "web = {count = 3, flavor = 'm'}\n"),
        ("[web]\nflavor = 'm'\n\n[cost]\n", "[web]\nflavor = 'm'\ncount = 3\n\n[cost]\n"),
    ],
)
def test_only_the_number_changes_in_the_stack_file(text: str, changed: str) -> None:
    assert with_web_servers(text, 3) == changed
    assert tomllib.loads(changed)["web"]["count"] == 3
