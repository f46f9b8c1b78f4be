"""Prices: by hand, and for anything that a rate card may say."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.costs.money import CENT, HOURLY, rounded, shares, split, unit_of
from skytier.costs.price import price, total
from skytier.costs.rates import EXAMPLE, Rates
from skytier.costs.usage import Resource, ResourceKind

rate = st.decimals(0, 1000, places=7)
maybe_rate = st.none() | rate
size = st.integers(0, 2**20)
rates = st.builds(
    Rates,
    vcpu_hour=maybe_rate,
    ram_gib_hour=maybe_rate,
    disk_gb_month=maybe_rate,
    volume_gb_month=maybe_rate,
    floating_ip_hour=maybe_rate,
    flavor_hour=st.dictionaries(st.sampled_from(["m1.small", "m1.large"]), rate),
)


def server(flavor: str, vcpus: int, ram_mib: int, disk_gib: int) -> Resource:
    return Resource(
        kind=ResourceKind.SERVER, flavor=flavor, vcpus=vcpus, ram_mib=ram_mib, disk_gib=disk_gib
    )


SMALL = server("m1.small", 1, 2048, 20)
ADDRESS = Resource(kind=ResourceKind.FLOATING_IP, name="shop-web-1")


def test_two_small_servers_and_a_floating_ip_by_hand() -> None:
    small, address = price(EXAMPLE, SMALL), price(EXAMPLE, ADDRESS)

    # 1 x 0.05, 2 x 0.02, 20 x 0.10 / 730 by the hour; times 730, and 20 x 0.10, by the month
    assert [str(line.per_hour) for line in small.lines] == ["0.050000", "0.040000", "0.002740"]
    assert [str(line.per_month) for line in small.lines] == ["36.50", "29.20", "2.00"]
    assert (str(small.per_hour), str(small.per_month)) == ("0.092740", "67.70")
    assert (str(address.per_hour), str(address.per_month)) == ("0.010000", "7.30")

    both = total(EXAMPLE, [SMALL, SMALL, ADDRESS])
    assert (str(both.per_hour), str(both.per_month)) == ("0.195480", "142.70")
    assert (both.currency, both.unknown) == ("USD", 0)


def test_half_a_gib_of_memory_costs_half() -> None:
    tiny = price(EXAMPLE, server("m1.tiny", 1, 512, 0))

    assert [(line.what, str(line.quantity)) for line in tiny.lines] == [
        ("vCPU", "1"),
        ("RAM", "0.5"),
    ]
    assert str(tiny.per_month) == "43.80"


def test_a_flavors_own_rate_goes_before_the_others() -> None:
    own = EXAMPLE.model_copy(update={"flavor_hour": {"m1.small": Decimal("0.08")}})

    assert str(price(own, SMALL).per_month) == "58.40"
    assert str(price(own, server("m1.large", 1, 2048, 20)).per_month) == "67.70"


def test_a_volume_is_priced_by_its_type_or_the_rate_for_all() -> None:
    own = EXAMPLE.model_copy(update={"volume_type_gb_month": {"ssd": Decimal("0.20")}})

    fast = Resource(kind=ResourceKind.VOLUME, size_gb=50, volume_type="ssd")
    slow = Resource(kind=ResourceKind.VOLUME, size_gb=50, volume_type="hdd")

    assert str(price(own, fast).per_month) == "10.00"
    assert str(price(own, slow).per_month) == "5.00"


def test_an_unknown_price_is_said_and_is_not_0() -> None:
    partly = Rates(currency="EUR", vcpu_hour=Decimal(1))

    unknown = price(partly, SMALL)

    assert (unknown.per_hour, unknown.per_month) == (None, None)
    assert unknown.unknown == "the rates have no ram_gib_hour and no disk_gb_month"
    assert total(partly, [SMALL]).unknown == 1
    assert str(total(partly, [SMALL]).per_month) == "0.00"


def test_a_server_of_a_flavor_that_nobody_knows_has_no_price() -> None:
    gone = server("m1.retired", 0, 0, 0)

    assert price(EXAMPLE, gone).unknown == "the rates have no flavor_hour.m1.retired"
    assert total(EXAMPLE, [gone]).unknown == 1


def test_free_is_a_price() -> None:
    free = Rates(floating_ip_hour=Decimal(0))

    assert str(price(free, ADDRESS).per_month) == "0.00"
    assert not price(free, ADDRESS).unknown


def test_what_is_free_and_the_tax_are_in_the_total_and_not_in_the_prices() -> None:
    card = EXAMPLE.model_copy(
        update={"free": {"floating_ip_hour": Decimal(730)}, "tax_percent": Decimal(19)}
    )

    both = total(card, [SMALL, ADDRESS, ADDRESS])

    # 67.70 + 2 x 7.30; the first 730 hours of both addresses together are one of them
    assert [str(each) for each in (both.listed, both.reduction)] == ["82.30", "7.30"]
    # 75.00 x 0.19, and 0.092740 + 0.010000 an hour, times 1.19
    assert [str(each) for each in (both.tax, both.per_month)] == ["14.25", "89.25"]
    assert str(both.per_hour) == "0.122261"


@pytest.mark.parametrize(
    ("currency", "per_month"), [("USD", "67.70"), ("JPY", "68"), ("KWD", "67.700")]
)
def test_a_price_has_as_many_places_as_its_currency(currency: str, per_month: str) -> None:
    card = EXAMPLE.model_copy(update={"currency": currency})

    assert str(price(card, SMALL).per_month) == per_month
    assert str(total(card, [SMALL]).per_month) == per_month


@given(st.lists(st.decimals(0, 10**9, places=12), max_size=40), st.sampled_from([CENT, HOURLY]))
def test_shares_lose_no_cent_and_stay_within_one(amounts: list[Decimal], unit: Decimal) -> None:
    split = shares(amounts, unit)

    assert sum(split) == rounded(sum(amounts, Decimal(0)), unit)
    for share, amount in zip(split, amounts, strict=True):
        low, high = amount.quantize(unit, ROUND_FLOOR), amount.quantize(unit, ROUND_CEILING)
        assert low <= share <= high


@given(
    st.integers(0, 10**9),
    st.lists(st.decimals(0, 10**6, places=6), min_size=1, max_size=40).filter(any),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_a_total_that_is_split_stays_the_same(
    count: int, weights: list[Decimal], currency: str
) -> None:
    whole = count * unit_of(currency)

    assert sum(split(whole, weights, unit_of(currency))) == whole


@given(rates, st.sampled_from(["m1.small", "m1.tiny"]), size, size, size)
def test_the_lines_of_a_price_add_up_to_it(
    card: Rates, flavor: str, vcpus: int, ram_mib: int, disk_gib: int
) -> None:
    found = price(card, server(flavor, vcpus, ram_mib, disk_gib))

    assert bool(found.unknown) == (found.per_month is None) == (found.per_hour is None)
    if not found.unknown:
        assert sum(line.per_month for line in found.lines) == found.per_month
        assert sum(line.per_hour for line in found.lines) == found.per_hour


@given(rates, st.lists(st.tuples(size, size, size), max_size=20))
def test_a_total_is_the_sum_of_what_is_shown(
    card: Rates, machines: list[tuple[int, int, int]]
) -> None:
    servers = [server("m1.tiny", *machine) for machine in machines]
    prices = [price(card, each) for each in servers]

    found = total(card, servers)

    assert found.per_month == sum(p.per_month for p in prices if p.per_month is not None)
    assert found.unknown == sum(bool(p.unknown) for p in prices)


@given(rates, size, size, size, st.integers(0, 1000))
def test_more_never_costs_less(card: Rates, vcpus: int, ram: int, disk: int, more: int) -> None:
    less = price(card, server("x", vcpus, ram, disk)).per_month
    bigger = price(card, server("x", vcpus + more, ram, disk + more)).per_month

    assert less is None or bigger is None or less <= bigger
