"""Prices: by hand, and for anything that a rate card may say."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skytier.costs import price
from skytier.costs.money import CENT, HOURLY, rounded, shares
from skytier.costs.rates import EXAMPLE, Rates, load
from skytier.errors import SkytierError

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


def test_two_small_servers_and_a_floating_ip_by_hand() -> None:
    small = price.server(EXAMPLE, "m1.small", vcpus=1, ram_mib=2048, disk_gib=20)
    address = price.floating_ip(EXAMPLE)

    # 1 x 0.05, 2 x 0.02, 20 x 0.10 / 730 by the hour; times 730, and 20 x 0.10, by the month
    assert [str(line.per_hour) for line in small.lines] == ["0.050000", "0.040000", "0.002740"]
    assert [str(line.per_month) for line in small.lines] == ["36.50", "29.20", "2.00"]
    assert (str(small.per_hour), str(small.per_month)) == ("0.092740", "67.70")
    assert (str(address.per_hour), str(address.per_month)) == ("0.010000", "7.30")

    total = price.total(EXAMPLE, [small, small, address])
    assert (str(total.per_hour), str(total.per_month)) == ("0.195480", "142.70")
    assert (total.currency, total.unknown) == ("USD", 0)


def test_half_a_gib_of_memory_costs_half() -> None:
    tiny = price.server(EXAMPLE, "m1.tiny", vcpus=1, ram_mib=512, disk_gib=0)

    assert [(line.what, str(line.quantity)) for line in tiny.lines] == [
        ("vCPU", "1"),
        ("RAM", "0.5"),
    ]
    assert str(tiny.per_month) == "43.80"


def test_a_flavors_own_rate_goes_before_the_others() -> None:
    own = EXAMPLE.model_copy(update={"flavor_hour": {"m1.small": Decimal("0.08")}})

    assert str(price.server(own, "m1.small", 1, 2048, 20).per_month) == "58.40"
    assert str(price.server(own, "m1.large", 1, 2048, 20).per_month) == "67.70"


def test_a_volume_is_priced_by_its_type_or_the_rate_for_all() -> None:
    own = EXAMPLE.model_copy(update={"volume_type_gb_month": {"ssd": Decimal("0.20")}})

    assert str(price.volume(own, 50, "ssd").per_month) == "10.00"
    assert str(price.volume(own, 50).per_month) == "5.00"


def test_an_unknown_price_is_said_and_is_not_0() -> None:
    partly = Rates(currency="EUR", vcpu_hour=Decimal(1))

    unknown = price.server(partly, "m1.small", 1, 2048, 20)

    assert (unknown.per_hour, unknown.per_month) == (None, None)
    assert unknown.unknown == "the rates have no ram_gib_hour and no disk_gb_month"
    assert price.total(partly, [unknown]).unknown == 1
    assert str(price.total(partly, [unknown]).per_month) == "0.00"


def test_free_is_a_price() -> None:
    free = Rates(floating_ip_hour=Decimal(0))

    assert str(price.floating_ip(free).per_month) == "0.00"
    assert not price.floating_ip(free).unknown


def test_a_rates_file_stands_alone_and_keeps_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(
        'currency = "EUR"\nvcpu_hour = 0.0123456789012345678901\n[flavor_hour]\n"a.b" = 1'
    )

    found = load(path)

    assert str(found.vcpu_hour) == "0.0123456789012345678901"
    assert found.flavor_hour == {"a.b": Decimal(1)}
    assert found.ram_gib_hour is None
    assert not found.is_example
    assert load(None).is_example


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vcpu_hour = -1", "line 1: vcpu_hour = -1 is too small. It holds a number, 0 or more."),
        ("vcpu_hour = 'x'", 'vcpu_hour = "x" is not a number'),
        ("vcpu_hour = inf", "vcpu_hour = Infinity is not a finite number"),
        ("vcpu_hour = true", "vcpu_hour = true is not a number"),
        ("\nvpcu_hour = 1", "line 2: vpcu_hour is not a key. Did you mean vcpu_hour?"),
        ("currency = 'euro'", 'currency = "euro" is not a currency\'s code'),
        ("[flavor_hour]\nx = -0.5", "line 2: flavor_hour.x = -0.5 is too small"),
    ],
)
def test_a_wrong_rate_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(text)

    with pytest.raises(SkytierError) as error:
        load(path)

    assert said in error.value.what


@given(st.lists(st.decimals(0, 10**9, places=12), max_size=40), st.sampled_from([CENT, HOURLY]))
def test_shares_lose_no_cent_and_stay_within_one(amounts: list[Decimal], unit: Decimal) -> None:
    split = shares(amounts, unit)

    assert sum(split) == rounded(sum(amounts, Decimal(0)), unit)
    for share, amount in zip(split, amounts, strict=True):
        low, high = amount.quantize(unit, ROUND_FLOOR), amount.quantize(unit, ROUND_CEILING)
        assert low <= share <= high


@given(rates, st.sampled_from(["m1.small", "m1.tiny"]), size, size, size)
def test_the_lines_of_a_price_add_up_to_it(
    card: Rates, flavor: str, vcpus: int, ram_mib: int, disk_gib: int
) -> None:
    found = price.server(card, flavor, vcpus, ram_mib, disk_gib)

    assert bool(found.unknown) == (found.per_month is None) == (found.per_hour is None)
    if not found.unknown:
        assert sum(line.per_month for line in found.lines) == found.per_month
        assert sum(line.per_hour for line in found.lines) == found.per_hour


@given(rates, st.lists(st.tuples(size, size, size), max_size=20))
def test_a_total_is_the_sum_of_what_is_shown(
    card: Rates, machines: list[tuple[int, int, int]]
) -> None:
    prices = [price.server(card, "m1.tiny", *machine) for machine in machines]

    total = price.total(card, prices)

    assert total.per_month == sum(p.per_month for p in prices if p.per_month is not None)
    assert total.unknown == sum(bool(p.unknown) for p in prices)


@given(rates, size, size, size, st.integers(0, 1000))
def test_more_never_costs_less(card: Rates, vcpus: int, ram: int, disk: int, more: int) -> None:
    less = price.server(card, "x", vcpus, ram, disk).per_month
    bigger = price.server(card, "x", vcpus + more, ram, disk + more).per_month

    assert less is None or bigger is None or less <= bigger
