"""Bills that were worked out by hand, with the example rates where nothing else is said.

A vCPU 0.05, a GiB of RAM 0.02 and a floating IP 0.01 an hour; a GB 0.10 a month of 730 hours, and
0.02 when it goes out. An m1.small (1 vCPU, 2 GiB, 20 GB) is 0.09 an hour and 2.00 a month.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from skytier.costs.charge import charges
from skytier.costs.rates import EXAMPLE, Rates
from skytier.costs.statement import Statement, statement
from skytier.costs.usage import ResourceKind, Usage
from skytier.stackfile.read import parse_as
from tests.tool.costs.samples import (
    LARGE,
    SMALL,
    address,
    at,
    card,
    money,
    server,
    traffic,
    volume,
)

BERLIN = ZoneInfo("Europe/Berlin")


def bill(*usages: Usage, rates: Rates = EXAMPLE, zone: ZoneInfo | None = None) -> Statement:
    where = {"zone": zone} if zone else {}
    return statement(rates, charges(rates, usages, **where), **where)


def amounts(found: dict[date, Decimal]) -> dict[str, str]:
    return {f"{day:%m-%d}": str(amount) for day, amount in found.items()}


def test_two_small_servers_and_a_floating_ip_for_an_hour_line_by_line() -> None:
    hour = ("03-10 12:00", "03-10 13:00")

    found = bill(server(*hour), server(*hour, "db-1"), address(*hour))

    lines = [
        (line.resource, line.what, f"{float(line.quantity):.6f} {line.unit}", str(line.rate),
         f"{float(line.exact):.6f}")
        for line in found.lines()
    ]  # fmt: skip
    assert lines == [
        ("floating IP ip-1", "floating IP", "1.000000 address-hours", "0.01", "0.010000"),
        # 20 GB for 1 of 730 hours: 20 / 730 = 0.027397 GB-months, times 0.10
        ("server db-1", "disk", "0.027397 GB-months", "0.10", "0.002740"),
        ("server db-1", "RAM", "2.000000 GiB-hours", "0.02", "0.040000"),
        ("server db-1", "vCPU", "1.000000 vCPU-hours", "0.05", "0.050000"),
        ("server web-1", "disk", "0.027397 GB-months", "0.10", "0.002740"),
        ("server web-1", "RAM", "2.000000 GiB-hours", "0.02", "0.040000"),
        ("server web-1", "vCPU", "1.000000 vCPU-hours", "0.05", "0.050000"),
    ]
    # 2 x 0.092740 + 0.01 = 0.195480, rounded once; parts rounded for themselves would be 0.19
    assert str(found.net) == "0.20"
    assert sum(line.amount for line in found.lines()) == found.net
    assert (found.currency, found.unknown) == ("USD", [])


def test_a_resize_counts_to_the_second() -> None:
    found = bill(
        server("03-01", "03-11 06:00:30"),
        server("03-11 06:00:30", "03-21", **LARGE),
    )

    # 10 d 06:00:30 = 885,630 s of m1.small, an hour of which is 0.09 + 2.00 / 730
    #   885,630 / 3600 x 0.09 = 22.14075; 885,630 / 2,628,000 x 2.00 = 0.673995
    # 9 d 17:59:30 = 842,370 s of m1.large, 4 x 0.05 + 8 x 0.02 = 0.36 an hour, 8.00 a month
    #   842,370 / 3600 x 0.36 = 84.237;  842,370 / 2,628,000 x 8.00 = 2.564292
    # in all 109.616037
    assert str(found.net) == "109.62"
    assert [str(each) for each in found.by(lambda charge: charge.usage.flavor).values()] == [
        "86.80",  # m1.large: 86.801292
        "22.82",  # m1.small: 22.814745, which has the larger remainder
    ]


def test_a_deleted_server_costs_until_its_last_second_and_no_longer() -> None:
    found = bill(server("05-01 10:00:00", "05-01 10:00:01", vcpus=3600, ram_mib=0, disk_gib=0))

    assert str(found.net) == "0.05", "3600 vCPU for a second are one for an hour"
    assert amounts(found.by_day()) == {"05-01": "0.05"}
    assert not bill(server("05-01 10:00", "05-01 10:00")).charges, "no time, no cost"


def test_a_month_has_a_sum_of_its_own() -> None:
    found = bill(volume("01-30", "02-03", 100))

    # 100 GB are 10.00 a month: 48 of 730 hours are 0.657534 in January, and again in February
    assert amounts(found.by_month()) == {"01-01": "0.66", "02-01": "0.66"}
    assert str(found.net) == "1.32"
    assert amounts(found.by_day()) == {
        # 0.328767 each; of two equal remainders the first goes up
        "01-30": "0.33",
        "01-31": "0.33",
        "02-01": "0.33",
        "02-02": "0.33",
    }


def test_a_year_costs_as_much_as_twelve_months_and_february_less_than_january() -> None:
    found = bill(replace(volume("01-01", "12-31", 100), end=at("12-31") + timedelta(days=1)))

    assert sum(charge.amount for charge in found.charges) == 120
    months = amounts(found.by_month())
    assert months["01-01"] == "10.19", "744 of 730 hours: 10.191781"
    assert months["02-01"] == "9.21", "672 of 730 hours: 9.205479"
    # 7 x 10.19, 4 x 9.86 (720 of 730 hours: 9.863014) and 9.21, since every month is a bill
    assert str(found.net) == "119.98"


def test_days_of_a_changing_clock_have_23_and_25_hours() -> None:
    euro_an_hour = Rates(currency="EUR", floating_ip_hour=money("1"))
    found = bill(
        # in Berlin 28 March 00:00 to 31 March 00:00, and 24 October 00:00 to 27 October 00:00
        address("03-27 23:00", "03-30 22:00"),
        address("10-23 22:00", "10-26 23:00"),
        rates=euro_an_hour,
        zone=BERLIN,
    )

    assert amounts(found.by_day()) == {
        "03-28": "24.00",
        "03-29": "23.00",
        "03-30": "24.00",
        "10-24": "24.00",
        "10-25": "25.00",
        "10-26": "24.00",
    }


def test_a_month_ends_where_the_zone_says() -> None:
    # 31 March 21:00 to 23:00 UTC is 23:00 to 01:00 in Berlin
    usage, rates = address("03-31 21:00", "03-31 23:00"), Rates(floating_ip_hour=money("1"))

    assert amounts(bill(usage, rates=rates).by_month()) == {"03-01": "2.00"}
    assert amounts(bill(usage, rates=rates, zone=BERLIN).by_month()) == {
        "03-01": "1.00",
        "04-01": "1.00",
    }


def test_tiers_count_the_whole_project_and_every_month_anew() -> None:
    rates = card(tiers={"traffic_gb": {money("100"): money("0.01"), money("1000"): money("0")}})
    found = bill(
        # two servers side by side, 300 GB in 10 hours each: 60 GB an hour together
        traffic("03-01", 10, 300),
        traffic("03-01", 10, 300, "web-2"),
        # after that 500 GB more of one of them
        traffic("03-02", 10, 500),
        traffic("04-01", 1, 150),
        rates=rates,
    )

    # March: the first 100 GB at 0.02, 900 at 0.01, the last 100 at 0: 2.00 + 9.00 = 11.00
    # April: 100 at 0.02 and 50 at 0.01: 2.50
    assert amounts(found.by_month()) == {"03-01": "11.00", "04-01": "2.50"}
    # web-2: 50 of its 300 GB at 0.02 and 250 at 0.01: 3.50. web-1 the same, then 400 at 0.01 and
    # 100 at 0: 7.50, and April's 2.50
    by_server = {name: str(each) for name, each in found.by(lambda c: c.usage.id).items()}
    assert by_server == {"web-1": "10.00", "web-2": "3.50"}


def test_a_rate_change_within_a_month_does_not_begin_the_tiers_anew() -> None:
    rates = parse_as(
        Rates,
        "floating_ip_hour = 0.01\nfree.floating_ip_hour = 100\n"
        "tiers.floating_ip_hour = {400 = 0.005}\n"
        "[valid_from.2026-03-16]\nfloating_ip_hour = 0.02\n"
        "[valid_from.2026-03-16.tiers.floating_ip_hour]\n500 = 0.012\n",
        "rates.toml",
    )

    found = bill(address("03-01", "04-01"), rates=rates)

    # Until the 16th 360 hours: 100 free, 260 at 0.01, which is 2.60. Then 384 more, which are the
    # 361st to the 744th: 140 at 0.02, and from the 500th on 244 at 0.012: 2.80 + 2.928.
    assert amounts(found.by_month()) == {"03-01": "8.33"}
    assert [(str(line.rate), line.quantity) for line in found.lines()] == [
        ("0", 100),
        ("0.01", 260),
        ("0.012", 244),
        ("0.02", 140),
    ]
    april = bill(address("03-01", "04-02"), rates=rates)
    assert amounts(april.by_month())["04-01"] == "0.00"


def test_an_allowance_that_is_raised_within_a_month_is_the_months_own() -> None:
    rates = parse_as(
        Rates,
        "traffic_gb = 0.02\nfree.traffic_gb = 100\n"
        "[valid_from.2026-03-16.free]\ntraffic_gb = 150\n",
        "rates.toml",
    )

    found = bill(traffic("03-10", 1, 120), traffic("03-20", 1, 60), rates=rates)

    # 20 of the first 120 GB are above 100. Of the next 60, which are the 121st to the 180th, 30 are
    # above 150.
    assert amounts(found.by_month()) == {"03-01": "1.00"}


def test_not_a_byte_of_traffic_is_lost_where_a_month_ends() -> None:
    rates = card(traffic_gb=money("1073741.824"), tiers={"traffic_gb": {money("100"): money("0")}})
    # 3 bytes in 4 hours, of which one is in March: a byte costs 0.001, one alone rounds to nothing
    three = replace(traffic("03-31 22:00", 4, 0), bytes_out=3)
    one = replace(traffic("03-31 23:59", 1, 0, "web-2"), bytes_out=1)

    found = bill(three, one, rates=rates)

    assert sum(charge.quantity for charge in found.charges) * 2**30 == 4
    assert [float(each.exact) for each in found.lines()] == [0.003, 0.001]
    assert [float(each.exact) for each in bill(one, rates=rates).lines()] == [0.001]


def test_what_is_free_is_free_for_all_at_once() -> None:
    rates = card(free={"floating_ip_hour": money("730")})

    found = bill(address("01-01", "02-01"), address("01-01", "02-01", "ip-2"), rates=rates)

    # 744 hours each. 730 in all are free, so until both had 365: 379 hours are left to each
    assert {name: str(each) for name, each in found.by(lambda c: c.usage.id).items()} == {
        "ip-1": "3.79",
        "ip-2": "3.79",
    }
    # 365 hours are 15 days and 5 hours, so on 16 January each pays 19 hours
    by_day = amounts(found.by_day())
    assert (by_day["01-15"], by_day["01-16"], by_day["01-17"]) == ("0.00", "0.38", "0.48")


def test_rates_that_change_cut_a_usage_in_two() -> None:
    rates = parse_as(
        Rates,
        "floating_ip_hour = 0.01\n[valid_from.2026-03-16]\nfloating_ip_hour = 0.02\n",
        "rates.toml",
    )

    found = bill(address("03-15", "03-17 12:00"), rates=rates)

    # 24 hours at 0.01 and 36 at 0.02
    assert [(str(line.rate), str(line.amount)) for line in found.lines()] == [
        ("0.01", "0.24"),
        ("0.02", "0.72"),
    ]
    # In Berlin the 16th begins an hour earlier: 23 at 0.01, 37 at 0.02
    assert str(bill(address("03-15", "03-17 12:00"), rates=rates, zone=BERLIN).net) == "0.97"


def test_a_flavors_own_rate_may_come_with_a_change() -> None:
    rates = parse_as(
        Rates,
        "vcpu_hour = 0.05\nram_gib_hour = 0.02\ndisk_gb_month = 0\n"
        "[valid_from.2026-03-16.flavor_hour]\n'm1.small' = 1\n",
        "rates.toml",
    )

    found = bill(server("03-15 14:00", "03-16 01:00"), rates=rates)

    # 10 hours at 0.05 + 2 x 0.02, and one at 1
    assert str(found.net) == "1.90"


def test_a_state_multiplies_what_a_server_costs() -> None:
    rates = card(states={"stopped": money("0.5"), "shelved_offloaded": money("0")})
    found = bill(
        server("03-01", "03-01 10:00"),
        server("03-01 10:00", "03-01 20:00", state="stopped"),
        server("03-01 20:00", "03-31", state="shelved_offloaded"),
        rates=rates,
    )

    # 10 hours at 0.092740 and 10 at half of that
    assert str(found.net) == "1.39"
    assert {state: str(each) for state, each in found.by(lambda c: c.usage.state).items()} == {
        "active": "0.93",
        "shelved_offloaded": "0.00",
        "stopped": "0.46",
    }


def test_a_stopped_server_costs_as_much_as_a_running_one_by_the_example_rates() -> None:
    running = bill(server("03-01", "03-02"))
    assert bill(server("03-01", "03-02", state="stopped")).net == running.net
    assert bill(server("03-01", "03-02", state="shelved_offloaded")).net == 0


def test_yen_have_no_decimals() -> None:
    found = bill(
        address("03-01", "03-01 01:00"),
        address("03-01", "03-01 01:00", "ip-2"),
        address("03-02", "03-02 01:00", "ip-3"),
        rates=Rates(currency="JPY", floating_ip_hour=money("1.5")),
    )

    # 3 x 1.5 = 4.5, half up; of three remainders of a half the first two go up
    assert str(found.net) == "5"
    assert [str(each) for each in found.by(lambda c: c.usage.id).values()] == ["2", "2", "1"]
    assert amounts(found.by_day()) == {"03-01": "3", "03-02": "2"}


def test_the_tax_is_that_of_the_rounded_month() -> None:
    rates = parse_as(
        Rates,
        "floating_ip_hour = 0.01\ntax_percent = 19\n[valid_from.2026-04-16]\ntax_percent = 16\n",
        "rates.toml",
    )

    found = bill(address("03-15", "05-01"), rates=rates)

    # March: 17 days are 408 hours: 4.08, and 19 % are 0.7752
    # April: 15 days at 19 % and 15 at 16 %: 3.60 x 0.19 + 3.60 x 0.16 = 1.26
    assert [(str(m.net), str(m.tax), str(m.gross)) for m in found.months] == [
        ("4.08", "0.78", "4.86"),
        ("7.20", "1.26", "8.46"),
    ]
    assert str(found.gross) == "13.32"


def test_what_has_no_known_price_is_said_and_is_in_no_sum() -> None:
    found = bill(
        Usage(kind=ResourceKind.LOAD_BALANCER, id="lb", start=at("03-01"), end=at("03-02")),
        address("03-01", "03-02"),
        rates=card(load_balancer_hour=None),
    )

    assert found.unknown == [
        "load balancer lb, load balancer: the rates have no load_balancer_hour"
    ]
    assert str(found.net) == "0.24"
    assert [line.rate for line in found.lines() if line.what == "load balancer"] == [None]


def test_volumes_snapshots_images_and_objects_cost_by_the_gb() -> None:
    kinds = {
        ResourceKind.VOLUME: "1",
        ResourceKind.SNAPSHOT: "2",
        ResourceKind.IMAGE: "3",
        ResourceKind.OBJECTS: "4",
    }
    rates = Rates(
        volume_gb_month=money("1"),
        snapshot_gb_month=money("2"),
        image_gb_month=money("3"),
        object_gb_month=money("4"),
        volume_type_gb_month={"ssd": money("5")},
    )
    month = {"start": at("01-01"), "end": at("01-31 10:00")}  # 730 hours

    found = bill(
        *(Usage(kind=kind, id=kind, size_gb=10, **month) for kind in kinds),
        Usage(kind=ResourceKind.VOLUME, id="fast", size_gb=10, volume_type="ssd", **month),
        rates=rates,
    )

    assert {name: str(each) for name, each in found.by(lambda c: c.usage.id).items()} == {
        "fast": "50.00",
        "image": "30.00",
        "object storage": "40.00",
        "volume": "10.00",
        "volume snapshot": "20.00",
    }


def test_servers_of_one_flavor_and_name_are_told_apart_by_id() -> None:
    found = bill(
        server("03-01", "03-02", **SMALL | {"id": "old"}),
        server("03-02", "03-03", **SMALL | {"id": "new"}),
    )

    assert {line.usage.id for line in found.lines()} == {"old", "new"}
