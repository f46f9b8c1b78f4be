"""A month's end, by hand: floating IPs at 1.00 an hour."""

from decimal import Decimal

from skytier.costs.charge import charges
from skytier.costs.forecast import Forecast, forecast
from skytier.costs.rates import Rates
from skytier.costs.statement import statement
from skytier.costs.usage import Usage
from tests.tool.costs.samples import address, at, money, traffic

RATES = Rates(floating_ip_hour=money("1"), traffic_gb=money("1"), tax_percent=money("0"))


def ahead(now: str, *usages: Usage, rates: Rates = RATES) -> Forecast:
    return forecast(statement(rates, charges(rates, usages)), at(now))


def figures(found: Forecast) -> list[str]:
    return [str(each) for each in (found.so_far, found.low, found.expected, found.high)]


def test_what_runs_now_goes_on_until_the_month_ends() -> None:
    found = ahead("03-11", address("02-01", "03-11"))

    # 10 days of 24.00, and 21 more of the same; every day was like the other
    assert figures(found) == ["240.00", "744.00", "744.00", "744.00"]
    assert str(found.per_hour) == "1.000000"
    assert str(found.month) == "2026-03-01"


def test_what_is_gone_does_not_go_on() -> None:
    found = ahead("03-11", address("02-01", "03-06"), address("02-01", "03-11", "ip-2"))

    # so far 5 days of 48.00 and 5 of 24.00; 21 days of 24.00 to come, or of the 48.00 of most days
    assert figures(found) == ["360.00", "864.00", "864.00", "1368.00"]


def test_the_range_is_that_of_the_cheapest_and_the_dearest_tenth_of_the_days() -> None:
    # 20 whole days before today, of 24.00 each; on 3 of them there was a second address, and the
    # dearest tenth of 20 days, which are 2, is left out
    found = ahead("03-21", address("02-28", "03-21"), address("03-05", "03-08", "ip-2"))

    assert found.days == 20
    assert figures(found) == ["552.00", "816.00", "816.00", "1080.00"]


def test_a_first_day_in_part_says_nothing_of_a_whole_one() -> None:
    found = ahead("03-02 12:00", address("03-01 18:00", "03-02 12:00"))

    assert found.days == 0
    # 18 hours so far; 12 hours and 29 days to come
    assert figures(found) == ["18.00", "726.00", "726.00", "726.00"]


def test_traffic_goes_on_as_on_the_days_before() -> None:
    # 24 GB on 1 March, 48 GB on 2 March, both whole days; the first day that is known is no measure
    found = ahead(
        "03-03", traffic("02-28", 24, 1000), traffic("03-01", 24, 24), traffic("03-02", 24, 48)
    )

    # 72.00 so far; 29 days to come, of 36.00 on average, 24.00 at best and 48.00 at worst
    assert figures(found) == ["72.00", "768.00", "1116.00", "1464.00"]


def test_the_tax_is_in_it() -> None:
    rates = RATES.model_copy(update={"tax_percent": money("50")})
    found = ahead("03-11", address("02-01", "03-11"), rates=rates)

    assert figures(found) == ["360.00", "1116.00", "1116.00", "1116.00"]
    assert found.passes(Decimal(1115))
    assert not found.passes(Decimal(1116))


def test_without_any_use_nothing_is_expected() -> None:
    assert figures(ahead("03-11")) == ["0.00", "0.00", "0.00", "0.00"]
