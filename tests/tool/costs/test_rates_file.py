"""The rates file: what it may hold, and how errors read."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from skytier.costs.meters import RAM, Meter
from skytier.costs.rates import Rates, for_stack, load
from skytier.errors import SkytierError
from skytier.stackfile import load as load_stack
from skytier.stackfile.read import parse_as

TRAFFIC = Meter("traffic_gb", "traffic out", "GB")


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
        ("vcpu_hour = -1", "line 1: vcpu_hour = -1 is too small. Allowed: a number, 0 or more."),
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


def rates(text: str) -> Rates:
    return parse_as(Rates, text, "rates.toml")


DEEPER = {
    "a key of a change": (
        "[valid_from.2026-07-01]\nvpcu_hour = 1",
        2,
        "valid_from.2026-07-01.vpcu_hour is not a key. Did you mean vcpu_hour?",
    ),
    "a value of a change": ("[valid_from.2026-07-01]\nvcpu_hour = -1", 2, "is too small"),
    "a day that is none": (
        "[valid_from.2026-07-32]\nvcpu_hour = 1",
        1,
        "valid_from.2026-07-32 is not a key. valid_from holds days such as 2026-07-01",
    ),
    "a flavor's key": ("[flavors.a]\nvcpu = 1", 2, "flavors.a.vcpu is not a key. Did you mean"),
    "half a vCPU": ("[flavors.a]\nvcpus = 0.5", 2, "flavors.a.vcpus = 0.5 is not a whole number"),
    "a flavor without a size": ("[flavors]\na = 1", 2, "flavors.a is a section: [flavors.a]"),
    "a state with a near one": (
        "[states]\nstoped = 0.5",
        2,
        "states.stoped is not a key. Did you mean stopped?",
    ),
    "another word for a state": ("[states]\nSHUTOFF = 0", 2, "There are active, building, error"),
    "an allowance of what is not counted": (
        "[free]\ntrafic_gb = 1",
        2,
        "free.trafic_gb is not a key. Did you mean traffic_gb?",
    ),
    "no allowance": ("[free]\ntraffic_gb = 0", 2, "free.traffic_gb = 0 is too small"),
    "a tier from no amount": (
        "[tiers.traffic_gb]\nmuch = 1",
        2,
        "tiers.traffic_gb.much is not a key. tiers.traffic_gb holds",
    ),
    "a flavor's name without quotes": (
        "[flavor_hour]\nm1.small = 0.03\nm1.large = 0.12",
        2,
        'A name with a dot needs quotes in flavor_hour: "m1.small" = 0.03.',
    ),
    "one with two dots": (
        "[flavor_hour]\ng1.2.big = 0.03",
        2,
        'A name with a dot needs quotes in flavor_hour: "g1.2.big" = 0.03.',
    ),
    "one on one line": (
        "flavor_hour.m1.small = 0.03",
        1,
        'A name with a dot needs quotes in flavor_hour: "m1.small" = 0.03.',
    ),
    "a volume type's name without quotes": (
        "[volume_type_gb_month]\nceph.ssd = 1",
        2,
        'A name with a dot needs quotes in volume_type_gb_month: "ceph.ssd" = 1.',
    ),
    "a flavor's section without quotes": (
        "[flavors.m1.small]\nvcpus = 1\nram_mib = 1",
        1,
        'A name with a dot needs quotes in flavors: [flavors."m1.small"].',
    ),
    "a flavor's section on one line": (
        "[flavors]\nm1.small = {vcpus = 1}",
        2,
        'A name with a dot needs quotes in flavors: [flavors."m1.small"].',
    ),
    "a name without quotes in a change": (
        "[valid_from.2027-01-01.flavor_hour]\nm1.small = 0.03",
        2,
        "A name with a dot needs quotes in flavor_hour: ",
    ),
    "a tier without quotes": (
        "[tiers.traffic_gb]\n0.5 = 1",
        2,
        'A name with a dot needs quotes in tiers.traffic_gb: "0.5" = 1.',
    ),
    "no table of tiers": ("[tiers]\ntraffic_gb = 3", 2, "tiers.traffic_gb = 3 is not a table"),
}


@pytest.mark.parametrize(("text", "line", "said"), DEEPER.values(), ids=DEEPER.keys())
def test_what_is_wrong_deeper_in_the_file_has_its_line_too(text: str, line: int, said: str) -> None:
    with pytest.raises(SkytierError) as error:
        rates(text)

    assert error.value.what.startswith(f"rates.toml, line {line}: ")
    assert said in error.value.what
    assert "\n" not in error.value.what


def test_a_change_keeps_what_it_does_not_name() -> None:
    card = rates(
        "vcpu_hour = 1\nram_gib_hour = 2\n[states]\nstopped = 0.5\n"
        "[valid_from.2026-07-01]\nram_gib_hour = 3\n[valid_from.2026-07-01.states]\nshelved = 0\n"
        "[valid_from.2026-02-01]\nvcpu_hour = 4\n"
    )

    months = {month: card.on(date(2026, month, 15)) for month in (1, 6, 7)}

    assert [str(each.vcpu_hour) for each in months.values()] == ["1", "4", "4"]
    assert [str(each.ram_gib_hour) for each in months.values()] == ["2", "2", "3"]
    assert months[7].states == {"stopped": Decimal("0.5"), "shelved": Decimal(0)}


def test_what_is_free_counts_towards_the_tiers() -> None:
    card = rates(
        "ram_gib_hour = 1\ntraffic_gb = 0.05\n[free]\ntraffic_gb = 100\n"
        "[tiers.traffic_gb]\n50 = 0.04\n1024 = 0.03\n"
    )

    assert [(str(above), str(rate)) for above, rate in card.steps(TRAFFIC)] == [
        ("0", "0"),
        ("100", "0.04"),
        ("1024", "0.03"),
    ]
    assert card.steps(RAM) == [(Decimal(0), Decimal(1))]


def test_the_stack_file_names_its_rates_from_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "rates.toml").write_text("vcpu_hour = 7")
    stack = tmp_path / "skytier.toml"
    stack.write_text("[cost]\nrates = 'rates.toml'")

    assert for_stack(load_stack(stack)).vcpu_hour == 7

    stack.write_text("[cost]\nrates = 'other.toml'")
    with pytest.raises(SkytierError, match=r"There is no file .*other\.toml") as error:
        for_stack(load_stack(stack))
    assert error.value.do == "All keys of a rates file: docs/reference/rates-file.md"
