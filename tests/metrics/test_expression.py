"""The arithmetic of figures from two scrapes, which is Prometheus' own."""

from collections.abc import Mapping

import pytest

from skytier.charts.expression import Expression, largest, quantile, rate, total
from skytier.charts.scrape import Scrape, Window, parse
from skytier.errors import SkytierError

WEB = {"job": "application", "machine": "web-1"}
OTHER = {"job": "application", "machine": "web-2"}


def window(before: str, after: str, seconds: float = 10) -> Window:
    return Window([parse(before, WEB, 100)], [parse(after, WEB, 100 + seconds)])


def of(expression: Expression, window: Window) -> dict[tuple[str, ...], float]:
    """Values by those of their labels, in the order of `by`."""
    return {
        tuple(dict(labels)[name] for name in expression.by): value
        for labels, value in expression.evaluate(window).items()
    }


def test_a_rate_is_what_a_counter_grew_a_second() -> None:
    seen = window(
        'hits{route="/a"} 5\nhits{route="/b"} 1', 'hits{route="/a"} 25\nhits{route="/b"} 6'
    )

    assert of(rate("hits", ("route",)), seen) == {("/a",): 2, ("/b",): 0.5}
    assert of(rate("hits"), seen) == {(): 2.5}


def test_a_counter_that_began_anew_has_grown_from_nothing() -> None:
    assert of(rate("hits"), window("hits 500", "hits 20")) == {(): 2}


def test_a_counter_that_appears_has_grown_from_nothing() -> None:
    assert of(rate("hits"), window("", "hits 20")) == {(): 2}


def test_there_is_no_rate_of_a_target_that_was_not_there_before() -> None:
    assert rate("hits").evaluate(Window([], [parse("hits 20", WEB, 100)])) == {}


def test_each_target_is_measured_by_its_own_clock() -> None:
    before = [parse("hits 0", WEB, 100), parse("hits 0", OTHER, 104)]
    after = [parse("hits 10", WEB, 110), parse("hits 10", OTHER, 109)]

    seen = of(rate("hits", ("machine",)), Window(before, after))

    assert seen == {("web-1",): 1, ("web-2",): 2}


def test_a_label_s_value_is_picked_or_left_out() -> None:
    seen = window("", 'b{dev="lo"} 1\nb{dev="eth0"} 2\nb{dev="eth1"} 4')

    assert of(total("b", (), {"dev": "!lo"}), seen) == {(): 6}
    assert of(total("b", (), {"dev": "eth."}), seen) == {(): 6}
    assert of(total("b", (), {"dev": "eth"}), seen) == {}, "the pattern is the whole value"
    assert of(largest("b"), seen) == {(): 4}


def test_arithmetic_goes_by_equal_labels() -> None:
    seen = window("", 'used{m="a"} 1\nused{m="b"} 3\nsize{m="a"} 4\nsize{m="c"} 9')
    share = 100 * (1 - total("used", ("m",)) / total("size", ("m",)))

    assert of(share, seen) == {("a",): 75}


def test_a_share_of_nothing_is_not_known() -> None:
    assert of(total("a") / total("b"), window("", "a 0\nb 0")) == {}


def test_what_the_first_one_lacks_comes_from_the_other() -> None:
    old_or_new = largest("lag", ("m",)) | largest("lag_seconds", ("m",))

    assert of(old_or_new, window("", 'lag{m="a"} 1\nlag_seconds{m="b"} 2')) == {
        ("a",): 1,
        ("b",): 2,
    }


def histogram(counts: Mapping[str, int]) -> str:
    return "\n".join(f't_bucket{{le="{bound}"}} {count}' for bound, count in counts.items())


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ({"0.1": 50, "0.2": 100, "+Inf": 100}, 0.5, 0.1),
        ({"0.1": 50, "0.2": 100, "+Inf": 100}, 0.75, 0.15),
        ({"0.1": 0, "0.2": 10, "+Inf": 10}, 0.99, 0.199),
        ({"0.1": 1, "0.2": 1, "+Inf": 10}, 0.99, 0.2),  # it is over the last bound
        ({"0.1": 10, "0.2": 10, "+Inf": 10}, 0.5, 0.05),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(
    counts: Mapping[str, int], q: float, expected: float
) -> None:
    empty = histogram(dict.fromkeys(counts, 0))

    (found,) = of(quantile(q, "t"), window(empty, histogram(counts))).values()

    assert found == pytest.approx(expected)


def test_there_is_no_quantile_when_nothing_was_counted() -> None:
    same = histogram({"0.1": 5, "+Inf": 5})

    assert of(quantile(0.99, "t"), window(same, same)) == {}


def test_what_is_not_prometheus_format_is_refused_with_the_target_s_name() -> None:
    with pytest.raises(SkytierError, match="application on web-1 did not answer in Prometheus"):
        parse("<html>{no metrics}</html>", WEB, 100)


def test_promql_reads_as_one_would_write_it() -> None:
    hits = rate("hits_total", ("m",), {"status": "5..", "dev": "!lo"})

    assert hits.promql() == (
        'sum by (m) (rate(hits_total{status=~"5..", dev!~"lo"}[$__rate_interval]))'
    )
    assert (total("a") / (total("b") + total("c"))).promql() == "sum(a) / (sum(b) + sum(c))"
    assert (total("a") / (total("b") / total("c"))).promql() == "sum(a) / (sum(b) / sum(c))"
    assert ((total("a") | total("b")) / total("c")).promql() == "(sum(a) or sum(b)) / sum(c)"


def test_scrapes_of_one_target_keep_its_labels() -> None:
    scrape: Scrape = parse('b{dev="eth0"} 2', WEB, 100)

    assert scrape.metrics["b"][0].labels == {"dev": "eth0", **WEB}
